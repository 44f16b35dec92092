using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Operations;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Discovery;

/// <summary>
/// Protected resource metadata (RFC 9728): each upstream behind the gateway says which authorization server gives
/// tokens for it and which scopes there are. A client that knows an upstream's address alone is refused with a pointer
/// to this, and finds the rest by itself. The resource is the audience that its tokens carry.
/// </summary>
internal sealed class ProtectedResources(Catalogue catalogue, IOptions<BrokerOptions> broker)
{
    private const string WellKnown = "/.well-known/oauth-protected-resource";

    /// <summary>The issuer, byte for byte as <c>iss</c> and the server's metadata have it: <see cref="Uri.AbsoluteUri"/>, which ends a bare host with a slash.</summary>
    public string Issuer => broker.Value.PublicUrl.AbsoluteUri;

    public IEnumerable<string> All => catalogue.All.Select(upstream => ResourceOf(upstream.Id));

    /// <summary>Where an upstream's metadata is: the well-known path put before the resource's own (RFC 9728, section 3.1).</summary>
    public static string MetadataAddressOf(BrokerOptions broker, string upstreamId) => $"{broker.BaseAddress}{WellKnown}/{upstreamId}/v1";

    /// <summary>The upstream that a <c>resource</c> names.</summary>
    /// <returns>Null for everything else. A slash at the end makes no difference: base URLs of API clients often have one.</returns>
    public Upstream? Find(string resource)
    {
        var plain = resource.EndsWith('/') ? resource[..^1] : resource;
        return catalogue.All.FirstOrDefault(upstream => string.Equals(ResourceOf(upstream.Id), plain, StringComparison.Ordinal));
    }

    public string ResourceOf(string upstreamId) => IssuedIdentity.AudienceOf(broker.Value, upstreamId);

    public void Map(WebApplication app) => app.MapGet(WellKnown + "/{upstream}/v1", Answer).AllowAnonymous();

    private IResult Answer(HttpContext context, string upstream)
    {
        if (catalogue.Find(upstream) is not { } found)
        {
            return TypedResults.NotFound();
        }

        context.Response.Headers.CacheControl = "public, max-age=3600";
        return TypedResults.Text(Describe(found).ToJsonString(), "application/json");
    }

    private JsonObject Describe(Upstream upstream)
    {
        return new JsonObject
        {
            ["resource"] = ResourceOf(upstream.Id),
            ["authorization_servers"] = new JsonArray(Issuer),

            // The last one is the server's rather than the resource's. Clients that go by this list alone would
            // otherwise never get a refresh token, and send the person to the browser every half hour.
            ["scopes_supported"] = List([.. upstream.Capabilities.Select(c => c.Scope), Scopes.OfflineAccess]),
            ["bearer_methods_supported"] = List(["header"]),
            ["resource_name"] = $"{upstream.Name} through TokenBroker",
            ["dpop_signing_alg_values_supported"] = List(ProofKey.Algorithms),
        };
    }

    private static JsonArray List(IEnumerable<string> values) => [.. values.Select(value => (JsonNode)value)];
}
