using System.Net;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using TokenBroker.Samples.Quickstart.Check;

namespace TokenBroker.Tests.Host;

/// <summary>A person with a browser: cookies, pages and forms over real HTTP. Redirects are returned, not followed.</summary>
public sealed class Person : IDisposable
{
    public const string Password = "plum otter lantern 1947";
    private static int s_count;
    private readonly HttpClient _http;

    public Person(BrokerHost host)
    {
        Host = host;
        Email = $"person{Interlocked.Increment(ref s_count)}-{Guid.NewGuid():N}@example.com";
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = Cookies, ResponseDrainTimeout = TimeSpan.Zero })
        {
            BaseAddress = new Uri(host.Address),
            Timeout = TimeSpan.FromMinutes(2),
        };
        _http.DefaultRequestHeaders.Add("Accept", "text/html");
    }

    public BrokerHost Host { get; }

    public string Email { get; }

    public CookieContainer Cookies { get; } = new();

    /// <summary>Every byte of text that this browser received.</summary>
    public List<string> Received { get; } = [];

    /// <summary>The body of every form that this browser sent, as a proxy on the way could keep it.</summary>
    public List<string> Sent { get; } = [];

    /// <summary>Someone with an account, signed in.</summary>
    public static async Task<Person> SignedUpAsync(BrokerHost host)
    {
        var person = new Person(host);
        using var response = await person.PostAsync("/sign-up", new() { ["Email"] = person.Email, ["Password"] = Password });
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, "the sign-up must succeed");
        return person;
    }

    /// <summary>Someone with an account and one stored key.</summary>
    public static async Task<Person> WithKeyAsync(BrokerHost host, string? key = null)
    {
        var person = await SignedUpAsync(host);
        (await person.AddKeyAsync(key ?? BrokerHost.NewKey())).Should().BeNull("the key must be stored");
        return person;
    }

    public Task<HttpResponseMessage> GetAsync(string url) => SendAsync(new HttpRequestMessage(HttpMethod.Get, url));

    public async Task<IHtmlDocument> PageAsync(string url)
    {
        using var response = await GetAsync(url);
        response.StatusCode.Should().Be(HttpStatusCode.OK, $"{url} must be shown");
        return await ParseAsync(response);
    }

    /// <summary>The page that redirects lead to, followed as a browser follows them.</summary>
    public async Task<IHtmlDocument> ArriveAsync(string url)
    {
        for (var hops = 0; hops < 5; hops++)
        {
            using var response = await GetAsync(url);
            if (response.StatusCode is not (HttpStatusCode.Found or HttpStatusCode.SeeOther))
            {
                response.StatusCode.Should().Be(HttpStatusCode.OK, $"{url} must be shown");
                return await ParseAsync(response);
            }

            url = response.Headers.Location!.OriginalString;
        }

        throw new InvalidOperationException($"Redirects without end, last to {url}");
    }

    public static async Task<IHtmlDocument> ParseAsync(HttpResponseMessage response) =>
        new HtmlParser().ParseDocument(await response.Content.ReadAsStringAsync());

    /// <summary>Opens a page, fills its one form, or the one that the selector names, and posts it.</summary>
    public async Task<HttpResponseMessage> PostAsync(string url, Dictionary<string, string> fields, string selector = "main form")
    {
        var page = await PageAsync(url);
        return await SubmitAsync(page, url, fields, selector);
    }

    /// <summary>Posts a form of a page that is open, with what it would post by itself and the given fields over it.</summary>
    public Task<HttpResponseMessage> SubmitAsync(
        IHtmlDocument page, string url, Dictionary<string, string> fields, string selector = "main form")
    {
        var form = page.QuerySelector(selector) as IHtmlFormElement
            ?? throw new InvalidOperationException($"{url} has no form '{selector}'.");
        var values = FieldsOf(form).Where(field => !fields.ContainsKey(field.Key)).Concat(fields).Where(field => field.Value is not null);
        var action = form.GetAttribute("action") is { Length: > 0 } given ? given : url;
        return SendAsync(new HttpRequestMessage(HttpMethod.Post, action) { Content = new FormUrlEncodedContent(SealingBrowser.Seal(form, values)) });
    }

    /// <summary>Stores a key; returns the form's complaint, or null.</summary>
    public async Task<string?> AddKeyAsync(string key, string label = "", string upstream = "openai")
    {
        using var response = await PostAsync("/keys", new() { ["NewKey"] = key, ["Label"] = label, ["Upstream"] = upstream }, "form[action='/keys']:has(#NewKey)");
        return response.StatusCode == HttpStatusCode.SeeOther
            ? null
            : (await ParseAsync(response)).QuerySelector(".field-validation-error")?.TextContent.Trim() ?? "no complaint shown";
    }

    /// <summary>The portal's row of an app, posted one of its forms.</summary>
    public async Task PressAsync(string app, string handler)
    {
        using var response = await PostAsync("/", [], $"li[data-app='{app}'] form[action*='handler={handler}']");
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    public void Dispose() => _http.Dispose();

    public async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request)
    {
        if (request.Content is { } form)
        {
            Sent.Add(await form.ReadAsStringAsync());
        }

        var response = await _http.SendAsync(request);
        Received.Add(response.Headers + (await response.Content.ReadAsStringAsync()));
        return response;
    }

    /// <summary>What a browser would post of a form as it stands.</summary>
    public static IEnumerable<KeyValuePair<string, string>> FieldsOf(IHtmlFormElement form)
    {
        foreach (var element in form.QuerySelectorAll("input[name], select[name], textarea[name]"))
        {
            var name = element.GetAttribute("name")!;
            switch (element)
            {
                case IHtmlInputElement { Type: "submit" or "button" }:
                    break;
                case IHtmlInputElement { Type: "checkbox" or "radio" } box when !box.IsChecked:
                    break;
                case IHtmlInputElement input:
                    yield return KeyValuePair.Create(name, input.Value);
                    break;
                case IHtmlSelectElement select:
                    yield return KeyValuePair.Create(name, select.Value ?? "");
                    break;
                default:
                    yield return KeyValuePair.Create(name, element.TextContent);
                    break;
            }
        }
    }
}
