using System.Net;
using AngleSharp.Html.Dom;
using Microsoft.AspNetCore.WebUtilities;
using TokenBroker.Samples.Quickstart.Check;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

/// <summary>The consent page as a person fills it in, or as somebody with the developer tools does.</summary>
internal sealed class ConsentPage
{
    private readonly Person _person;
    private readonly List<KeyValuePair<string, string>> _fields;

    private ConsentPage(Person person, IHtmlDocument document)
    {
        _person = person;
        Document = document;
        var form = document.QuerySelector("form[action='/connect/authorize']") as IHtmlFormElement
            ?? throw new InvalidOperationException("This is not the consent page: " + document.Body?.TextContent);
        _fields = [.. Person.FieldsOf(form)];
    }

    public IHtmlDocument Document { get; }

    public string Text => Document.Body!.TextContent;

    public static async Task<ConsentPage> OpenAsync(Person person, string url) => new(person, await person.PageAsync(url));

    /// <summary>The page behind redirects, such as those of a pushed request.</summary>
    public static async Task<ConsentPage> ArriveAsync(Person person, string url) => new(person, await person.ArriveAsync(url));

    /// <summary>The page again, where an answer was not accepted.</summary>
    public async Task<ConsentPage> AgainAsync(HttpResponseMessage response)
    {
        response.StatusCode.Should().Be(HttpStatusCode.OK, "the form must be shown again");
        return new ConsentPage(_person, await Person.ParseAsync(response));
    }

    /// <summary>The fields of this name have these values, and no others.</summary>
    public ConsentPage Set(string name, params string[] values)
    {
        _fields.RemoveAll(field => field.Key == name);
        _fields.AddRange(values.Select(value => KeyValuePair.Create(name, value)));
        return this;
    }

    public ConsentPage Add(string name, string value)
    {
        _fields.Add(KeyValuePair.Create(name, value));
        return this;
    }

    public ConsentPage Untick(string name, string value)
    {
        _fields.Remove(KeyValuePair.Create(name, value)).Should().BeTrue("{0} must be ticked on the page", value);
        return this;
    }

    public IReadOnlyList<string> Values(string name) => [.. _fields.Where(field => field.Key == name).Select(field => field.Value)];

    /// <summary>What the page says of this field, in its place or, where none is shown, right after the last of its kind.</summary>
    public string? Complaint(string name)
    {
        var place = Document.QuerySelector($"[name='{name}']")?.Closest(".field, fieldset, .stack");
        return (place?.QuerySelector(".error") ?? place?.ParentElement?.QuerySelector(":scope > .error"))?.TextContent;
    }

    public Task<HttpResponseMessage> AnswerAsync(string decision = "approve") => _person.SendAsync(
        new HttpRequestMessage(HttpMethod.Post, "/connect/authorize")
        {
            Content = new FormUrlEncodedContent(SealingBrowser.Seal(Document, _fields.Append(KeyValuePair.Create("Form.Decision", decision)))),
        });

    /// <summary>Approves, and exchanges the code.</summary>
    public async Task<Tokens> ApproveAsync(OAuthApp app)
    {
        using var answer = await AnswerAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther, await answer.Content.ReadAsStringAsync());
        using var response = await app.ExchangeAsync(ParametersOf(answer)["code"]!);
        return await OAuthApp.ReadAsync(response);
    }

    /// <summary>What the app is told by the address that the person is sent back to.</summary>
    public static Dictionary<string, string> ParametersOf(HttpResponseMessage response) =>
        QueryHelpers.ParseQuery(response.Headers.Location?.Query ?? "").ToDictionary(pair => pair.Key, pair => pair.Value.ToString());
}
