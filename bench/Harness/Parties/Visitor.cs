using System.Net;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using TokenBroker.Samples.Quickstart.Check;

namespace TokenBroker.Bench.Parties;

/// <summary>A person with a browser at the broker: cookies, pages and forms over HTTP.</summary>
internal sealed class Visitor : IDisposable
{
    private readonly HttpClient _http;

    public Visitor(Uri broker)
    {
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = broker };
        _http.DefaultRequestHeaders.Add("Accept", "text/html");
    }

    /// <summary>Signs up and stores a key.</summary>
    public async Task SettleInAsync(string upstreamKey, CancellationToken cancellationToken)
    {
        var email = $"{Guid.NewGuid():N}@example.com";
        await SubmitAsync("/sign-up", "main form", new() { ["Email"] = email, ["Password"] = "plum otter lantern 1947" }, cancellationToken);
        await SubmitAsync("/keys", "form[action='/keys']:has(#NewKey)", new() { ["NewKey"] = upstreamKey, ["Label"] = "" }, cancellationToken);
    }

    /// <summary>Opens the authorization request and approves it where asked.</summary>
    /// <returns>Where the person is sent back to.</returns>
    public async Task<Uri> ApproveAsync(string authorizeUrl, Dictionary<string, string> answer, CancellationToken cancellationToken)
    {
        using var first = await _http.GetAsync(authorizeUrl, cancellationToken);
        return first.StatusCode is HttpStatusCode.Found or HttpStatusCode.SeeOther
            ? first.Headers.Location!
            : await SubmitAsync(authorizeUrl, "main form", answer, cancellationToken);
    }

    public void Dispose() => _http.Dispose();

    private async Task<Uri> SubmitAsync(string url, string selector, Dictionary<string, string> fields, CancellationToken cancellationToken)
    {
        var page = new HtmlParser().ParseDocument(await _http.GetStringAsync(url, cancellationToken));
        var form = page.QuerySelector(selector) as IHtmlFormElement ?? throw new InvalidOperationException($"{url} shows no form '{selector}'.");
        var values = FieldsOf(form).Where(field => !fields.ContainsKey(field.Key)).Concat(fields);
        var action = form.GetAttribute("action") is { Length: > 0 } given ? given : url;
        using var content = new FormUrlEncodedContent(SealingBrowser.Seal(form, values));
        using var response = await _http.PostAsync(action, content, cancellationToken);
        return response.StatusCode == HttpStatusCode.SeeOther
            ? response.Headers.Location!
            : throw new InvalidOperationException($"{url} was not accepted ({(int)response.StatusCode}): " + await ComplaintAsync(response, cancellationToken));
    }

    private static async Task<string> ComplaintAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var page = new HtmlParser().ParseDocument(await response.Content.ReadAsStringAsync(cancellationToken));
        return string.Join(' ', page.QuerySelectorAll(".field-validation-error, .validation-summary-errors, h1").Select(e => e.TextContent.Trim()));
    }

    private static IEnumerable<KeyValuePair<string, string>> FieldsOf(IHtmlFormElement form)
    {
        foreach (var element in form.QuerySelectorAll("input[name], select[name], textarea[name]"))
        {
            var name = element.GetAttribute("name")!;
            switch (element)
            {
                case IHtmlInputElement { Type: "submit" or "button" }:
                case IHtmlInputElement { Type: "checkbox" or "radio", IsChecked: false }:
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
