using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk.Connecting;

/// <summary>
/// Fetches the broker's discovery document and keeps it for an hour; failures are not kept. The issuer must be the
/// configured authority (RFC 8414 section 3.3) and every endpoint must lie on its origin, so that a wrong document cannot
/// lead codes or secrets elsewhere.
/// </summary>
[SuppressMessage("Design", "CA1001", Justification = "The gate lives as long as the process and never uses its wait handle.")]
internal sealed class BrokerMetadataCache(IHttpClientFactory http, IOptions<TokenBrokerOptions> options, TimeProvider clock)
{
    private static readonly TimeSpan KeepFor = TimeSpan.FromHours(1);

    private readonly SemaphoreSlim gate = new(1, 1);
    private (BrokerMetadata Metadata, DateTimeOffset Until)? kept;

    public async ValueTask<BrokerMetadata> GetAsync(CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            if (kept is { } entry && entry.Until > clock.GetUtcNow())
            {
                return entry.Metadata;
            }

            var metadata = await FetchAsync(cancellationToken);
            kept = (metadata, clock.GetUtcNow() + KeepFor);
            return metadata;
        }
        finally
        {
            gate.Release();
        }
    }

    private async Task<BrokerMetadata> FetchAsync(CancellationToken cancellationToken)
    {
        var authority = options.Value.AuthorityUri;
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(authority, ".well-known/openid-configuration"));
        using var response = await Backchannel.SendAsync(http, request, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            throw Backchannel.Unavailable(request.RequestUri!, response.StatusCode);
        }

        try
        {
            using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync(cancellationToken));
            var issuer = json.RootElement.GetProperty("issuer").GetString() ?? "";
            if (!string.Equals(issuer.TrimEnd('/'), options.Value.Authority.TrimEnd('/'), StringComparison.Ordinal))
            {
                throw Misconfigured($"The broker calls itself '{issuer}', but Authority is '{options.Value.Authority}'. Set Authority to the broker's issuer.");
            }

            return new BrokerMetadata(issuer, Endpoint("authorization_endpoint"), Endpoint("token_endpoint"), Endpoint("revocation_endpoint"));

            Uri Endpoint(string name) =>
                Uri.TryCreate(json.RootElement.GetProperty(name).GetString(), UriKind.Absolute, out var endpoint) && Origin.Same(endpoint, authority)
                    ? endpoint
                    : throw Misconfigured($"The broker's {name} does not lie on {authority.GetLeftPart(UriPartial.Authority)}. Correct the broker's public URL.");
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw Misconfigured($"{request.RequestUri} is no discovery document of a broker. Check that Authority is the broker's issuer URL.");
        }
    }

    private static TokenBrokerException Misconfigured(string message) => new(new BrokerError("broker_misconfigured", message, 502), null, null);
}
