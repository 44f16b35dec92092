using System.Text.Json.Nodes;

namespace TokenBroker.Tests.Host;

/// <summary>A client assertion before it is signed, for tests that change it (RFC 7523, section 3).</summary>
public sealed class AssertionDraft(SigningKey key, JsonObject header, JsonObject payload)
{
    public JsonObject Header => header;

    public JsonObject Payload => payload;

    public SigningKey Key { get; set; } = key;

    public string? RawPayload { get; set; }

    public Func<string, string> Then { get; set; } = static text => text;

    public override string ToString() => Then(Key.Sign(header.ToJsonString(), RawPayload ?? payload.ToJsonString()));
}

/// <summary>What an app with a key sends in place of a secret.</summary>
public static class ClientAssertions
{
    /// <summary>A good assertion, changed, as the parameters of a request.</summary>
    public static Dictionary<string, string?> For(
        BrokerHost host, SigningKey key, Action<AssertionDraft>? change = null, string clientId = BrokerHost.KeyedAppId)
    {
        var now = (host.Clock ?? TimeProvider.System).GetUtcNow().ToUnixTimeSeconds();
        var draft = new AssertionDraft(
            key,
            new() { ["alg"] = key.Algorithm },
            new()
            {
                ["iss"] = clientId,
                ["sub"] = clientId,
                ["aud"] = host.Address + "/",
                ["jti"] = Guid.NewGuid().ToString("N"),
                ["iat"] = now,
                ["exp"] = now + 60,
            });
        change?.Invoke(draft);
        return new()
        {
            ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ["client_assertion"] = draft.ToString(),
        };
    }
}
