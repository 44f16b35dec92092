using System.Net;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Keys;

/// <summary>Codes and tokens are protected by Data Protection, which changes its key every ninety days and keeps the old ones.</summary>
public sealed class Rotating_the_key_of_tokens
{
    /// <summary>A protected text begins with a mark and the id of its key: 20 bytes, 26 whole characters of base64url.</summary>
    private const int KeyPrefix = 26;

    [Fact]
    public async Task Leaves_what_was_given_before_good()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var before = await app.ConnectAsync(person);
        var code = await app.CodeAsync(person);

        var now = TimeProvider.System.GetUtcNow();
        broker.Services.GetRequiredService<IKeyManager>().CreateNewKey(now, now.AddDays(90));

        using var call = await new Api(broker, before.AccessToken).ChatAsync();
        using var exchanged = await app.ExchangeAsync(code);
        using var refreshed = await app.RefreshAsync(before.RefreshToken);
        var after = await OAuthApp.ReadAsync(refreshed);

        call.StatusCode.Should().Be(HttpStatusCode.OK);
        exchanged.StatusCode.Should().Be(HttpStatusCode.OK);
        (await person.GetAsync("/keys")).StatusCode.Should().Be(HttpStatusCode.OK, "the session's cookie is protected by it too");
        after.AccessToken[..KeyPrefix].Should().NotBe(before.AccessToken[..KeyPrefix], "new tokens are protected with the new key");
        using var again = await new Api(broker, after.AccessToken).ChatAsync();
        again.StatusCode.Should().Be(HttpStatusCode.OK);
        (await broker.WithDatabaseAsync(db => db.DataProtectionKeys.AsNoTracking().ToListAsync()))
            .Should().HaveCount(2).And.OnlyContain(key => key.Xml!.Contains("sealedKey"), "the vault seals each of them");
    }
}
