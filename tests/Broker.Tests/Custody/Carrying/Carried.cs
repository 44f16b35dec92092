using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using OpenIddict.Validation;
using TokenBroker.Authorization.Carriers;
using TokenBroker.Custody;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Carrying;

/// <summary>A person who gave an app a key that is never stored, and the app.</summary>
internal sealed class Carried : IDisposable
{
    private Carried(BrokerHost host, Person person, OAuthApp app, string key, Tokens tokens, Guid grantId) =>
        (Host, Person, App, Key, Tokens, GrantId, Api) = (host, person, app, key, tokens, grantId, new Api(host, tokens.AccessToken));

    public BrokerHost Host { get; }

    public Person Person { get; }

    public OAuthApp App { get; }

    public string Key { get; }

    public Tokens Tokens { get; }

    public Guid GrantId { get; }

    public Api Api { get; }

    public static Dictionary<string, string> Answer(string key) => new()
    {
        ["Form.Decision"] = "approve",
        ["Form.KeyId"] = "new",
        ["Form.NewKey"] = key,
        ["Form.Keep"] = "never",
    };

    public static async Task<Carried> ConnectAsync(BrokerHost broker, string scope = OAuthApp.DefaultScope, string? key = null)
    {
        key ??= BrokerHost.NewKey();
        var person = await Person.SignedUpAsync(broker);
        var app = new OAuthApp(broker);
        var tokens = await app.ConnectAsync(person, scope, Answer(key));
        var grantId = await broker.WithDatabaseAsync(async db =>
        {
            var userId = await db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync();
            return await db.Grants.Where(g => g.UserId == userId).Select(g => g.Id).SingleAsync();
        });
        return new Carried(broker, person, app, key, tokens, grantId);
    }

    /// <summary>What the token carries, read as the broker reads it.</summary>
    public static async Task<Carrier> CarrierOfAsync(BrokerHost broker, string accessToken)
    {
        await using var scope = broker.Services.CreateAsyncScope();
        var principal = await scope.ServiceProvider.GetRequiredService<OpenIddictValidationService>().ValidateAccessTokenAsync(accessToken);
        return CarrierClaims.Read(principal) ?? throw new InvalidOperationException("The token carries nothing.");
    }

    public void Dispose() => Person.Dispose();
}
