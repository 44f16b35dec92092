using System.Net;
using System.Net.Http.Headers;
using AngleSharp;
using AngleSharp.Html.Dom;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>
/// A browser without scripts: keeps cookies, follows redirects by itself, and submits the forms that it was served,
/// hidden fields and antiforgery tokens included. What the pages' one needed script does, <see cref="SealingBrowser"/> does. A redirect to <paramref name="leavesAt"/> ends the way there.
/// </summary>
internal sealed class Browser(Witness connection, Uri leavesAt) : IDisposable
{
    private const int MostRedirects = 10;
    private readonly HttpClient _http = new(connection);
    private readonly IBrowsingContext _context = BrowsingContext.New(Configuration.Default);

    public Task<Page> OpenAsync(Uri address, CancellationToken cancellationToken) =>
        FollowAsync(new HttpRequestMessage(HttpMethod.Get, address), cancellationToken);

    /// <summary>Presses a button of a form.</summary>
    /// <param name="button">The button, in a page that was opened.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<Page> PressAsync(IHtmlButtonElement button, CancellationToken cancellationToken)
    {
        var form = Expect.Found(button.Form, $"a form around the button '{button.TextContent.Trim()}'");
        var submission = Expect.Found(form.GetSubmission(button), $"a form that '{button.TextContent.Trim()}' can submit", "one with missing or unfit fields");
        var request = new HttpRequestMessage(new System.Net.Http.HttpMethod(submission.Method.ToString().ToUpperInvariant()), submission.Target.Href)
        {
            Content = new StreamContent(submission.Body),
        };
        request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(submission.MimeType ?? "application/x-www-form-urlencoded");
        SetOrigin(request, new Uri(form.BaseUri));
        return FollowAsync(request, cancellationToken);
    }

    /// <summary>What a page's script does: a request of its own, answered as it is.</summary>
    public Task<HttpResponseMessage> FetchAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        SetOrigin(request, request.RequestUri!);
        return _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
    }

    public void Dispose()
    {
        _context.Dispose();
        _http.Dispose();
    }

    private static void SetOrigin(HttpRequestMessage request, Uri page)
    {
        request.Headers.Add("Origin", page.GetLeftPart(UriPartial.Authority));
        request.Headers.Add("Sec-Fetch-Site", "same-origin");
    }

    private async Task<Page> FollowAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var (page, next) = await SendAsync(request, cancellationToken);
        for (var redirects = 1; next is not null; redirects++)
        {
            Expect.That(redirects <= MostRedirects, $"at most {MostRedirects} redirects", "more");
            if (next.GetLeftPart(UriPartial.Path) == leavesAt.AbsoluteUri)
            {
                return page with { Address = next, Document = null };
            }

            (page, next) = await SendAsync(new HttpRequestMessage(System.Net.Http.HttpMethod.Get, next), cancellationToken);
        }

        return page;
    }

    private async Task<(Page Page, Uri? Next)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using (request)
        {
            request.Headers.Accept.ParseAdd("text/html");
            using var response = await _http.SendAsync(request, cancellationToken);
            var page = await ReadAsync(request.RequestUri!, response, cancellationToken);
            if (response.Headers.Location is not { } location)
            {
                return (page, null);
            }

            // A 302 after a POST would leave it to the browser whether the form is posted on.
            var isPost = request.Method == System.Net.Http.HttpMethod.Post;
            Expect.That(!isPost || page.Status == HttpStatusCode.SeeOther, $"a 303 after a POST to {page.Address.AbsolutePath}", $"{(int)page.Status}");
            return (page, new Uri(page.Address, location));
        }
    }

    private async Task<Page> ReadAsync(Uri address, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var html = await response.Content.ReadAsStringAsync(cancellationToken);
        var document = await _context.OpenAsync(virtually => virtually.Address(address).Content(html), cancellationToken);
        return new Page(address, response.StatusCode, document);
    }
}
