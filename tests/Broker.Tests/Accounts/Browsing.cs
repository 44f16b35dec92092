using System.Net;
using AngleSharp.Html.Dom;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

/// <summary>What a browser does beside filling in the one form of a page.</summary>
internal static class Browsing
{
    public const string SessionCookie = "tokenbroker.session";

    public static Task<HttpResponseMessage> SignInAsync(this Person person, string email, string password, string query = "") =>
        person.PostAsync("/sign-in" + query, new() { ["Email"] = email, ["Password"] = password });

    public static Task<HttpResponseMessage> SignUpAsync(this Person person, string email, string password, string query = "") =>
        person.PostAsync("/sign-up" + query, new() { ["Email"] = email, ["Password"] = password });

    /// <summary>The same person in another browser.</summary>
    public static async Task<Person> InAnotherBrowserAsync(this Person person, string password = Person.Password)
    {
        var other = new Person(person.Host);
        using var response = await other.SignInAsync(person.Email, password);
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, "the sign-in must succeed");
        return other;
    }

    /// <summary>A browser that holds a copy of this one's cookies, as a thief would.</summary>
    public static Person Copy(this Person person)
    {
        var copy = new Person(person.Host);
        foreach (Cookie cookie in person.Cookies.GetAllCookies())
        {
            copy.Cookies.Add(new Cookie(cookie.Name, cookie.Value, "/", "localhost"));
        }

        return copy;
    }

    public static string? SessionOf(this Person person) => person.Cookies.GetAllCookies().SingleOrDefault(cookie => cookie.Name == SessionCookie)?.Value;

    public static async Task<bool> IsSignedInAsync(this Person person)
    {
        using var response = await person.GetAsync("/account");
        return response.StatusCode == HttpStatusCode.OK;
    }

    /// <summary>Posts to any address with the token against forgery of a page that is open, as a script or a changed form would.</summary>
    public static async Task<HttpResponseMessage> PostFromAsync(
        this Person person, string page, string address, Dictionary<string, string> fields, string? accept = null)
    {
        var document = await person.PageAsync(page);
        var token = ((IHtmlInputElement)document.QuerySelector("input[name='__RequestVerificationToken']")!).Value;
        var request = new HttpRequestMessage(HttpMethod.Post, address)
        {
            Content = new FormUrlEncodedContent(fields.Append(KeyValuePair.Create("__RequestVerificationToken", token))),
        };
        if (accept is not null)
        {
            request.Headers.Accept.ParseAdd(accept);
        }

        return await person.SendAsync(request);
    }

    /// <summary>The actions that the audit log keeps for this person, the oldest first.</summary>
    public static Task<List<string>> AuditAsync(this Person person) => person.Host.WithDatabaseAsync(async db =>
    {
        var id = await db.Users.Where(user => user.Email == person.Email).Select(user => user.Id).SingleAsync();
        return await db.AuditEvents.Where(e => e.UserId == id).OrderBy(e => e.Sequence).Select(e => e.Action).ToListAsync();
    });

    /// <summary>The complaints that a form shows, joined.</summary>
    public static async Task<string> ComplaintAsync(HttpResponseMessage response)
    {
        response.StatusCode.Should().Be(HttpStatusCode.OK, "the form is shown again");
        var page = await Person.ParseAsync(response);
        return string.Join(' ', page.QuerySelectorAll(".field-validation-error, .validation-summary-errors, .error[role='alert']").Select(e => e.TextContent.Trim())).Trim();
    }
}
