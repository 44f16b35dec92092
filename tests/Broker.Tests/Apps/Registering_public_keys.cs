using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps;

/// <summary>Checklist 8: the keys that an app may authenticate with.</summary>
[Trait("Checklist", "8")]
public sealed class Registering_public_keys(SharedBroker shared)
{
    [Theory]
    [InlineData("a private key", "private or symmetric")]
    [InlineData("a secret", "private or symmetric")]
    [InlineData("a small RSA key", "less than 2048 bits")]
    [InlineData("another curve", "neither on P-256 nor on P-384")]
    [InlineData("none", "at least one key")]
    public async Task Refuses(string what, string says)
    {
        var key = what switch
        {
            "a small RSA key" => SigningKey.New("RS256", 1024).Jwk,
            "another curve" => SigningKey.New("ES512").Jwk,
            "a secret" => new JsonObject { ["kty"] = "oct", ["k"] = "AAAA" },
            "a private key" => WithPrivatePart(SigningKey.New()),
            _ => null,
        };
        var keys = new JsonObject { ["keys"] = key is null ? new JsonArray() : new JsonArray(key.DeepClone()) };
        var entry = new AppRegistration { ClientId = "bad", Name = "App", Jwks = keys.ToJsonString(), RedirectUris = { BrokerHost.RedirectUri } };
        await using var services = shared.Host.Services.CreateAsyncScope();

        var register = () => services.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, CancellationToken.None);

        (await register.Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain(says);
    }

    private static JsonObject WithPrivatePart(SigningKey key)
    {
        var jwk = key.Jwk.DeepClone().AsObject();
        jwk["d"] = key.PrivatePart;
        return jwk;
    }
}
