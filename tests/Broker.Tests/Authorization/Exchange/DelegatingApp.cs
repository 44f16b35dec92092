using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Apps;
using TokenBroker.Tests.Custody.Carrying;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Exchange;

/// <summary>An app that may exchange its tokens, and a person who connected it.</summary>
internal sealed class DelegatingApp : IDisposable
{
    private const string AccessTokenType = "urn:ietf:params:oauth:token-type:access_token";

    private DelegatingApp(BrokerHost broker, OAuthApp app, Person person, Tokens tokens, string name) =>
        (Broker, App, Person, Tokens, Name) = (broker, app, person, tokens, name);

    public BrokerHost Broker { get; }

    public OAuthApp App { get; }

    public Person Person { get; }

    public Tokens Tokens { get; }

    public string Name { get; }

    public static async Task<DelegatingApp> ConnectAsync(BrokerHost broker, string? budget = null, string? models = null, string? neverStored = null)
    {
        var secret = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
        var id = "delegating-" + Guid.NewGuid().ToString("N");
        string[] scopes = ["openai:chat", "openai:models", "openai:embeddings", "openid", "offline_access"];
        var entry = new AppRegistration
        {
            ClientId = id,
            ClientSecret = secret,
            Name = "Delegating " + id[^6..],
            RedirectUris = { BrokerHost.RedirectUri },
            GrantTypes = { "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange" },
        };
        (entry.Scopes, entry.OptionalScopes) = (scopes, scopes);
        await using (var scope = broker.Services.CreateAsyncScope())
        {
            await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, CancellationToken.None);
        }

        var person = neverStored is null ? await Person.WithKeyAsync(broker) : await Person.SignedUpAsync(broker);
        var app = new OAuthApp(broker, id) { Secret = secret };
        var answer = neverStored is null ? new Dictionary<string, string>() : Carried.Answer(neverStored);
        if (budget is not null)
        {
            answer["Form.Budget"] = budget;
        }

        if (models is not null)
        {
            (answer["Form.ModelChoice"], answer["Form.OtherModels"]) = ("some", models);
        }

        return new DelegatingApp(broker, app, person, await app.ConnectAsync(person, string.Join(' ', scopes), answer), entry.Name);
    }

    /// <param name="subject">The token that is exchanged; the app's own if not given.</param>
    /// <param name="change">Parameters that are changed, added, or (by null) left out.</param>
    public Task<HttpResponseMessage> ExchangeAsync(string? subject = null, Dictionary<string, string?>? change = null)
    {
        var form = new Dictionary<string, string?>
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = subject ?? Tokens.AccessToken,
            ["subject_token_type"] = AccessTokenType,
        };
        foreach (var (name, value) in change ?? [])
        {
            form[name] = value;
        }

        return App.TokenAsync(form);
    }

    public async Task<Tokens> ChildAsync(string? subject = null, string? scope = null, string? details = null)
    {
        using var response = await ExchangeAsync(subject, new() { ["scope"] = scope, ["authorization_details"] = details });
        return await OAuthApp.ReadAsync(response);
    }

    public static string ModelAccessOf(string members) => string.Create(CultureInfo.InvariantCulture, $$"""[{"type":"model_access","upstream":"openai",{{members}}}]""");

    public void Dispose() => Person.Dispose();
}
