using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Gateway;
using TokenBroker.Sdk.Tokens;

namespace TokenBroker.Sdk.Connecting;

/// <summary>Speaks to the broker's token and revocation endpoints as a confidential client (RFC 6749, 7009, 7636).</summary>
internal sealed class BrokerClient(IHttpClientFactory http, IOptions<TokenBrokerOptions> options, BrokerMetadataCache metadata, TimeProvider clock)
{
    public ValueTask<BrokerMetadata> DiscoverAsync(CancellationToken cancellationToken) => metadata.GetAsync(cancellationToken);

    public Task<TokenSet> ExchangeCodeAsync(string code, PendingConnect pending, CancellationToken cancellationToken) => RequestTokensAsync(
        new(StringComparer.Ordinal)
        {
            ["grant_type"] = "authorization_code",
            ["code"] = code,
            ["code_verifier"] = pending.Verifier,
            ["redirect_uri"] = pending.RedirectUri,
        },
        null,
        cancellationToken);

    public Task<TokenSet> RefreshAsync(TokenSet current, CancellationToken cancellationToken) => RequestTokensAsync(
        new(StringComparer.Ordinal)
        {
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = current.RefreshToken!.Reveal(),
        },
        current,
        cancellationToken);

    public async Task RevokeAsync(TokenSet tokens, CancellationToken cancellationToken)
    {
        var endpoint = (await metadata.GetAsync(cancellationToken)).RevocationEndpoint;
        using var response = await PostAsync(
            endpoint,
            new(StringComparer.Ordinal)
            {
                ["token"] = (tokens.RefreshToken ?? tokens.AccessToken).Reveal(),
                ["token_type_hint"] = tokens.RefreshToken is null ? "access_token" : "refresh_token",
            },
            cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw await RefusalAsync(endpoint, response, cancellationToken);
        }
    }

    private async Task<TokenSet> RequestTokensAsync(Dictionary<string, string> form, TokenSet? previous, CancellationToken cancellationToken)
    {
        var endpoint = (await metadata.GetAsync(cancellationToken)).TokenEndpoint;
        using var response = await PostAsync(endpoint, form, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw await RefusalAsync(endpoint, response, cancellationToken);
        }

        try
        {
            using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            return Tokens(json.RootElement, previous);
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            // The exception's text may quote the answer, and the answer holds tokens: keep neither.
            throw new TokenBrokerException(new BrokerError("broker_misconfigured", $"The answer of {endpoint} is not the token response of RFC 6749 section 5.1. Check that Authority is a broker.", 502), null, null);
        }
    }

    private TokenSet Tokens(JsonElement json, TokenSet? previous)
    {
        if (!string.Equals(json.GetProperty("token_type").GetString(), "Bearer", StringComparison.OrdinalIgnoreCase))
        {
            throw new FormatException("token_type");
        }

        var now = clock.GetUtcNow();
        var lifetime = json.GetProperty("expires_in").GetInt64() is > 0 and <= 86_400 and var seconds ? TimeSpan.FromSeconds(seconds) : throw new FormatException("expires_in");
        var early = TimeSpan.FromTicks(Math.Min(options.Value.RefreshBefore.Ticks, lifetime.Ticks / 2));
        return new TokenSet
        {
            AccessToken = new Secret(json.GetProperty("access_token").GetString() is { Length: > 0 } access ? access : throw new FormatException("access_token")),
            RefreshToken = Text(json, "refresh_token") is { } refresh ? new Secret(refresh) : previous?.RefreshToken,
            Scopes = Text(json, "scope")?.Split(' ', StringSplitOptions.RemoveEmptyEntries) ?? previous?.Scopes ?? [.. options.Value.Scopes],
            ConnectedAt = previous?.ConnectedAt ?? now,
            RefreshAt = now + lifetime - early,
            ExpiresAt = now + lifetime,
        };
    }

    private Task<HttpResponseMessage> PostAsync(Uri endpoint, Dictionary<string, string> form, CancellationToken cancellationToken)
    {
        // RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
        var credentials = $"{WebUtility.UrlEncode(options.Value.ClientId)}:{WebUtility.UrlEncode(options.Value.ClientSecret)}";
        var request = new HttpRequestMessage(HttpMethod.Post, endpoint) { Content = new FormUrlEncodedContent(form) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials)));
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        return Backchannel.SendAsync(http, request, cancellationToken);
    }

    private static async Task<TokenBrokerException> RefusalAsync(Uri endpoint, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var error = await ReadErrorAsync(response, cancellationToken);
        if (error is null || (int)response.StatusCode >= 500)
        {
            return Backchannel.Unavailable(endpoint, response.StatusCode);
        }

        var mend = error switch
        {
            "invalid_client" => "Check ClientId and ClientSecret against the app's page in the broker's portal.",
            "unauthorized_client" or "invalid_scope" => "Check on the app's page in the broker's portal that the app may use these scopes.",
            "invalid_grant" => "The code or the refresh token is used up, expired or revoked: the user has to connect again.",
            _ => "Look up the code in RFC 6749 section 5.2.",
        };
        return new TokenBrokerException(new BrokerError(error, $"The broker refused the request for tokens ({error}). {mend}", (int)response.StatusCode), null, null);
    }

    private static async Task<string?> ReadErrorAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            return Text(json.RootElement, "error");
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String && value.GetString() is { Length: > 0 } text
            ? text
            : null;
}
