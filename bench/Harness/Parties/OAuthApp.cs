using System.Buffers.Text;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TokenBroker.Bench.Parties;

internal sealed record Tokens(string Access, string Refresh);

/// <summary>A confidential client, the same at the broker and at the stock server.</summary>
internal sealed class OAuthApp(int port, string scope) : IDisposable
{
    public const string ClientId = "bench-app";
    public const string RedirectUri = "https://app.example/callback";
    public static readonly string Secret = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
    private static readonly string Credentials = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{ClientId}:{Secret}"));

    private readonly HttpClient _http = new(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = new Uri($"http://localhost:{port}") };
    private readonly string _verifier = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));

    public string AuthorizeUrl => "/connect/authorize?" + string.Join('&', new Dictionary<string, string>
    {
        ["client_id"] = ClientId,
        ["response_type"] = "code",
        ["redirect_uri"] = RedirectUri,
        ["scope"] = scope,
        ["state"] = "bench",
        ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(_verifier))),
        ["code_challenge_method"] = "S256",
    }.Select(pair => $"{pair.Key}={Uri.EscapeDataString(pair.Value)}"));

    /// <summary>Exchanges the code that the person was sent back with.</summary>
    public async Task<Tokens> ExchangeAsync(Uri back, CancellationToken cancellationToken)
    {
        var code = back.Query.TrimStart('?').Split('&').Select(pair => pair.Split('=', 2)).FirstOrDefault(pair => pair[0] == "code")?[1]
            ?? throw new InvalidOperationException($"There is no code in {back.GetLeftPart(UriPartial.Path)}.");
        using var response = await PostAsync(
            "/connect/token",
            new()
            {
                ["grant_type"] = "authorization_code",
                ["code"] = Uri.UnescapeDataString(code),
                ["redirect_uri"] = RedirectUri,
                ["code_verifier"] = _verifier,
            },
            cancellationToken);
        return Read(await response.Content.ReadAsByteArrayAsync(cancellationToken));
    }

    public async Task<Tokens> RefreshAsync(Tokens tokens, CancellationToken cancellationToken)
    {
        using var response = await PostAsync("/connect/token", new() { ["grant_type"] = "refresh_token", ["refresh_token"] = tokens.Refresh }, cancellationToken);
        return Read(await response.Content.ReadAsByteArrayAsync(cancellationToken));
    }

    public async Task RevokeAsync(string token, CancellationToken cancellationToken)
    {
        using var response = await PostAsync("/connect/revoke", new() { ["token"] = token }, cancellationToken);
    }

    /// <summary>A refresh grant as bytes, for the load.</summary>
    public static byte[] Refresh(int port, string refreshToken) => Requests.Form(
        port,
        "/connect/token",
        Credentials,
        [KeyValuePair.Create("grant_type", "refresh_token"), KeyValuePair.Create("refresh_token", refreshToken)]);

    public static Tokens Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        using var document = JsonDocument.ParseValue(ref reader);
        return new Tokens(document.RootElement.GetProperty("access_token").GetString()!, document.RootElement.GetProperty("refresh_token").GetString()!);
    }

    public void Dispose() => _http.Dispose();

    private async Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string> form, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Authorization = AuthenticationHeaderValue.Parse(Credentials);
        var response = await _http.SendAsync(request, cancellationToken);
        return response.IsSuccessStatusCode
            ? response
            : throw new InvalidOperationException($"{path} answered {(int)response.StatusCode}: {await response.Content.ReadAsStringAsync(cancellationToken)}");
    }
}
