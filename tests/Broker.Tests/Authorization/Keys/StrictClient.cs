using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Keys;

/// <summary>
/// An app that refreshes, calls, and checks ID tokens without mercy: it keeps the JWKS for a while, and a key that it does
/// not find there is a failure, not a reason to look again.
/// </summary>
internal sealed class StrictClient : IDisposable
{
    private static readonly TimeSpan KeepsJwksFor = TimeSpan.FromMinutes(20);
    private readonly BrokerHost _broker;
    private readonly FakeTimeProvider _clock;
    private readonly Person _person;
    private readonly OAuthApp _app;
    private Tokens _tokens;
    private JsonElement _jwks;
    private DateTimeOffset _fetched;
    private int _rounds;

    private StrictClient(BrokerHost broker, FakeTimeProvider clock, Person person, OAuthApp app, Tokens tokens) =>
        (_broker, _clock, _person, _app, _tokens) = (broker, clock, person, app, tokens);

    public int Rounds => Volatile.Read(ref _rounds);

    public ConcurrentBag<string> Failures { get; } = [];

    /// <summary>Requests that the broker could not answer, with what it logged.</summary>
    public ConcurrentBag<string> Retried { get; } = [];

    public ConcurrentBag<string> SignedBy { get; } = [];

    public static async Task<StrictClient> ConnectAsync(BrokerHost broker, FakeTimeProvider clock)
    {
        var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        return new StrictClient(broker, clock, person, app, await app.ConnectAsync(person, "openid openai:chat offline_access"));
    }

    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await RoundAsync();
            Interlocked.Increment(ref _rounds);
        }
    }

    public void Dispose() => _person.Dispose();

    private async Task RoundAsync()
    {
        if (_clock.GetUtcNow() - _fetched > KeepsJwksFor)
        {
            (_fetched, _jwks) = (_clock.GetUtcNow(), await IdToken.JwksAsync(_broker));
        }

        using var response = await _app.RefreshAsync(_tokens.RefreshToken);
        if ((int)response.StatusCode >= 500)
        {
            // No validation failed: the token is still good, and the next round brings it again.
            Retried.Add($"{(int)response.StatusCode} {_broker.Log.Lines.LastOrDefault(line => line.StartsWith("Error", StringComparison.Ordinal))}");
            return;
        }

        if (!response.IsSuccessStatusCode)
        {
            Failures.Add($"refresh: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()} {_broker.Log.Lines.LastOrDefault(line => line.StartsWith("Error", StringComparison.Ordinal) || line.StartsWith("Critical", StringComparison.Ordinal))}");
            return;
        }

        var before = _tokens;
        _tokens = await OAuthApp.ReadAsync(response);
        SignedBy.Add(IdToken.KidOf(_tokens));
        if (!IdToken.IsSignedBy(_tokens, _jwks))
        {
            Failures.Add($"the kept JWKS does not know {IdToken.KidOf(_tokens)}");
        }

        if (!IdToken.IsSignedBy(before, await IdToken.JwksAsync(_broker)))
        {
            Failures.Add($"the JWKS forgot {IdToken.KidOf(before)} while what it signed was valid");
        }

        using var call = await new Api(_broker, _tokens.AccessToken).ChatAsync();
        if (!call.IsSuccessStatusCode)
        {
            Failures.Add("call: " + await call.Content.ReadAsStringAsync());
        }
    }
}
