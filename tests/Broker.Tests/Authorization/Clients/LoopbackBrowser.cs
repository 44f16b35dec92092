using System.Net;
using Duende.IdentityModel.OidcClient.Browser;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.Extensions.Logging;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Clients;

/// <summary>
/// What a native app does for its login (RFC 8252, section 7.3): it listens on a free loopback port, and opens the
/// system's browser. In front of that one sits somebody who has no account yet.
/// </summary>
internal sealed class LoopbackBrowser : IBrowser, IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);
    private readonly WebApplication _listener;
    private readonly TaskCompletionSource<string> _callback = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Person _person;

    private LoopbackBrowser(BrokerHost broker)
    {
        _person = new Person(broker);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        _listener = builder.Build();
        _listener.Urls.Add("http://127.0.0.1:0");
        _listener.MapGet("/callback", (HttpRequest request) =>
        {
            _callback.TrySetResult(request.GetEncodedUrl());
            return "You can go back to the app.";
        });
    }

    public string RedirectUri => _listener.Urls.First() + "/callback";

    public static async Task<LoopbackBrowser> StartAsync(BrokerHost broker)
    {
        var browser = new LoopbackBrowser(broker);
        await browser._listener.StartAsync();
        return browser;
    }

    public async Task<BrowserResult> InvokeAsync(BrowserOptions options, CancellationToken cancellationToken = default)
    {
        var signIn = await _person.ArriveAsync(options.StartUrl);
        var signUp = signIn.QuerySelector("a[href^='/sign-up']")!.GetAttribute("href")!;
        using var signedUp = await _person.PostAsync(signUp, new() { ["Email"] = _person.Email, ["Password"] = Person.Password });

        var consent = await ConsentPage.ArriveAsync(_person, signedUp.Headers.Location!.ToString());
        using var answer = await consent.Set("Form.NewKey", BrokerHost.NewKey()).AnswerAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther, await answer.Content.ReadAsStringAsync(cancellationToken));

        using var back = await _person.GetAsync(answer.Headers.Location!.AbsoluteUri);
        back.StatusCode.Should().Be(HttpStatusCode.OK);
        return new BrowserResult
        {
            ResultType = BrowserResultType.Success,
            Response = await _callback.Task.WaitAsync(Patience, cancellationToken),
        };
    }

    public async ValueTask DisposeAsync()
    {
        _person.Dispose();
        await _listener.DisposeAsync();
    }
}
