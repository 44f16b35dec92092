using System.Buffers.Text;
using System.ClientModel;
using System.ClientModel.Primitives;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using OpenAI;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>
/// An app that knows OAuth and nothing of the SDK: a public client with PKCE (RFC 7636) whose callback is a loopback
/// address. It calls the broker with the plain OpenAI package.
/// </summary>
internal sealed class BareClient(Stage stage)
{
    private const string ClientId = "bare-client";
    private const string Asked = "openai:chat openai:models openai:embeddings offline_access";

    /// <summary>Nobody listens there; the browser stops at the redirect.</summary>
    public static readonly Uri RedirectUri = new("http://127.0.0.1:49199/callback");

    private readonly string _verifier = RandomText();
    private readonly string _state = RandomText();
    private JsonObject _server = [];

    public static QuickstartApp Registration { get; } =
        new(ClientId, null, "Bare client", RedirectUri, ["openai:chat", "openai:models", "openai:embeddings"]) { OptionalScopes = ["openai:embeddings"] };

    public string AccessToken { get; private set; } = "";

    public string RefreshToken { get; private set; } = "";

    /// <summary>Every token that it was ever given.</summary>
    public List<string> Tokens { get; } = [];

    /// <summary>The OpenAI package as anybody uses it; only the address and the key differ. The transport remembers responses.</summary>
    public OpenAIClient OpenAI => new(new ApiKeyCredential(AccessToken), new OpenAIClientOptions
    {
        Endpoint = stage.Broker("/openai/v1"),
        Transport = new HttpClientPipelineTransport(stage.Apps),
        RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
    });

    /// <summary>The address that the person is sent to (RFC 6749, section 4.1.1), from the server's own metadata (RFC 8414).</summary>
    public async Task<Uri> AuthorizationRequestAsync(CancellationToken cancellationToken)
    {
        var (_, metadata) = await ReadAsync(await stage.Apps.GetAsync(stage.Broker("/.well-known/openid-configuration"), cancellationToken), cancellationToken);
        _server = metadata;
        Expect.Equal(stage.Servers.BrokerUrl.AbsoluteUri.TrimEnd('/'), Text(_server, "issuer").TrimEnd('/'), "the issuer in the metadata");
        var methods = string.Join(' ', _server["code_challenge_methods_supported"]?.AsArray().Select(m => (string?)m) ?? []);
        Expect.Equal("S256", methods, "the PKCE methods in the metadata");

        var query = new Dictionary<string, string>
        {
            ["response_type"] = "code",
            ["client_id"] = ClientId,
            ["redirect_uri"] = RedirectUri.AbsoluteUri,
            ["scope"] = Asked,
            ["state"] = _state,
            ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(_verifier))),
            ["code_challenge_method"] = "S256",
        };
        return new Uri($"{Text(_server, "authorization_endpoint")}?{string.Join('&', query.Select(p => $"{p.Key}={Uri.EscapeDataString(p.Value)}"))}");
    }

    /// <summary>The code in the answer, once its state and issuer (RFC 9207) are those that were expected.</summary>
    public string CodeIn(Uri answer)
    {
        var parameters = answer.Query.TrimStart('?').Split('&').Select(p => p.Split('=', 2)).ToDictionary(p => p[0], p => Uri.UnescapeDataString(p[1]));
        Expect.That(!parameters.ContainsKey("error"), "an approval", parameters.GetValueOrDefault("error"));
        Expect.That(parameters.GetValueOrDefault("state") == _state, "the state that was sent");
        Expect.Equal(Text(_server, "issuer"), parameters.GetValueOrDefault("iss") ?? "", "iss");
        return Expect.Found(parameters.GetValueOrDefault("code"), "a code");
    }

    public async Task<(HttpStatusCode Status, JsonObject Body)> RedeemAsync(string code, CancellationToken cancellationToken) => await AskTokensAsync(
        new() { ["grant_type"] = "authorization_code", ["code"] = code, ["redirect_uri"] = RedirectUri.AbsoluteUri, ["code_verifier"] = _verifier },
        cancellationToken);

    public async Task<(HttpStatusCode Status, JsonObject Body)> RefreshAsync(string refreshToken, CancellationToken cancellationToken) => await AskTokensAsync(
        new() { ["grant_type"] = "refresh_token", ["refresh_token"] = refreshToken }, cancellationToken);

    /// <summary>Uses what a token response gave from now on.</summary>
    public void Keep(JsonObject tokens)
    {
        AccessToken = Text(tokens, "access_token");
        RefreshToken = Text(tokens, "refresh_token");
        Tokens.AddRange([AccessToken, RefreshToken]);
    }

    /// <summary>A member of a response that must be there.</summary>
    public static string Text(JsonObject response, string member) =>
        Expect.Found((string?)response[member], $"'{member}' in the response", $"{string.Join(", ", response.Select(m => m.Key))}");

    private static string RandomText() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    private static async Task<(HttpStatusCode Status, JsonObject Body)> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        using (response)
        {
            var body = JsonNode.Parse(await response.Content.ReadAsStringAsync(cancellationToken)) as JsonObject;
            return (response.StatusCode, Expect.Found(body, "a JSON object"));
        }
    }

    private async Task<(HttpStatusCode Status, JsonObject Body)> AskTokensAsync(Dictionary<string, string> form, CancellationToken cancellationToken)
    {
        form["client_id"] = ClientId;
        using var content = new FormUrlEncodedContent(form);
        return await ReadAsync(await stage.Apps.PostAsync(new Uri(Text(_server, "token_endpoint")), content, cancellationToken), cancellationToken);
    }
}
