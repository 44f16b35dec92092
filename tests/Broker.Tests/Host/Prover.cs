using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace TokenBroker.Tests.Host;

/// <summary>A proof before it is signed, for tests that change it.</summary>
public sealed class ProofDraft(SigningKey key, JsonObject header, JsonObject payload)
{
    public JsonObject Header => header;

    public JsonObject Payload => payload;

    public SigningKey Key { get; set; } = key;

    /// <summary>The payload as text, where an object cannot hold it.</summary>
    public string? RawPayload { get; set; }

    /// <inheritdoc cref="RawPayload"/>
    public string? RawHeader { get; set; }

    /// <summary>Changes the signed text.</summary>
    public Func<string, string> Then { get; set; } = static text => text;

    public override string ToString() => Then(Key.Sign(RawHeader ?? header.ToJsonString(), RawPayload ?? payload.ToJsonString()));
}

/// <summary>An app that proves a key (RFC 9449), at the token endpoint and at the gateway. It remembers the nonces that it is given.</summary>
public sealed class Prover(BrokerHost host, SigningKey? key = null)
{
    private readonly HttpClient _http = host.NewClient();

    public SigningKey Key { get; } = key ?? SigningKey.New();

    public string? ServerNonce { get; set; }

    public string? GatewayNonce { get; set; }

    public ProofDraft Draft(string method, string path, string? nonce, string? accessToken = null)
    {
        var now = (host.Clock ?? TimeProvider.System).GetUtcNow();
        var payload = new JsonObject
        {
            ["jti"] = Guid.NewGuid().ToString("N"),
            ["htm"] = method,
            ["htu"] = host.Address + path,
            ["iat"] = now.ToUnixTimeSeconds(),
        };
        if (nonce is not null)
        {
            payload["nonce"] = nonce;
        }

        if (accessToken is not null)
        {
            payload["ath"] = SigningKey.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(accessToken)));
        }

        return new(Key, new() { ["typ"] = "dpop+jwt", ["alg"] = Key.Algorithm, ["jwk"] = Key.Jwk.DeepClone() }, payload);
    }

    /// <summary>An app whose requests to the token endpoint carry a proof each.</summary>
    /// <param name="clientId">The app.</param>
    /// <param name="change">Changes the proofs.</param>
    public async Task<OAuthApp> AppAsync(string clientId = BrokerHost.PublicAppId, Action<ProofDraft>? change = null)
    {
        ServerNonce ??= await NonceAsync();
        return new OAuthApp(host, clientId)
        {
            OnSend = request =>
            {
                var draft = Draft("POST", request.RequestUri!.OriginalString, ServerNonce);
                change?.Invoke(draft);
                request.Headers.TryAddWithoutValidation("DPoP", draft.ToString());
            },
        };
    }

    /// <summary>Asks the token endpoint for a nonce, as a client does at its first request.</summary>
    public async Task<string> NonceAsync()
    {
        var app = new OAuthApp(host, BrokerHost.PublicAppId)
        {
            OnSend = request => request.Headers.Add("DPoP", Draft("POST", "/connect/token", nonce: null).ToString()),
        };
        using var response = await app.RefreshAsync("none");
        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("use_dpop_nonce");
        return NonceOf(response)!;
    }

    /// <summary>A call of the gateway, with the nonce of the last; the first asks for one.</summary>
    public async Task<HttpResponseMessage> CallAsync(string accessToken, string path = "/models", Action<ProofDraft>? change = null, string scheme = "DPoP")
    {
        if (GatewayNonce is null)
        {
            using var first = await SendAsync(accessToken, path, Draft("GET", "/openai/v1" + path, nonce: null, accessToken).ToString());
            GatewayNonce = NonceOf(first);
        }

        var draft = Draft("GET", "/openai/v1" + path, GatewayNonce, accessToken);
        change?.Invoke(draft);
        return await SendAsync(accessToken, path, draft.ToString(), scheme);
    }

    public Task<HttpResponseMessage> SendAsync(string accessToken, string path, string? proof, string scheme = "DPoP")
    {
        var request = new HttpRequestMessage(HttpMethod.Get, "/openai/v1" + path);
        request.Headers.Authorization = new AuthenticationHeaderValue(scheme, accessToken);
        if (proof is not null)
        {
            request.Headers.TryAddWithoutValidation("DPoP", proof);
        }

        return _http.SendAsync(request);
    }

    public static string? NonceOf(HttpResponseMessage response) =>
        response.Headers.TryGetValues("DPoP-Nonce", out var values) ? values.Single() : null;
}
