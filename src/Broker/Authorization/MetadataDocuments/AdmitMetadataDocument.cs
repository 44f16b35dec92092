using System.Threading.RateLimiting;
using Microsoft.AspNetCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using TokenBroker.Apps;
using TokenBroker.Operations;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.MetadataDocuments;

/// <summary>
/// Runs before OpenIddict looks a client up: where the client_id is an address, what its document says is registered
/// first, or the request ends here. Revocation and introspection go by what is known: they only ever take away or tell.
/// It runs once more after a client assertion, which may name the client by itself (RFC 7521, section 4.2): one that
/// was checked with keys of a document that is not fresh is refused.
/// </summary>
internal sealed class AdmitMetadataDocument(
    BrokerDbContext db, ClientDocuments documents, MetadataDocumentLimit limit, IOptions<MetadataDocumentOptions> options, TimeProvider time)
    : IOpenIddictServerHandler<ProcessAuthenticationContext>
{
    private static readonly string s_decided = typeof(AdmitMetadataDocument).FullName!;

    public async ValueTask HandleAsync(ProcessAuthenticationContext context)
    {
        if (!ClientIdAddress.LooksLikeOne(context.ClientId) || !IsDecidedHere(context.EndpointType) || !context.Transaction.Properties.TryAdd(s_decided, true))
        {
            return;
        }

        var known = await db.Apps.AsNoTracking()
            .Where(a => a.ClientId == context.ClientId)
            .Select(a => new { a.Source, a.MetadataFreshUntil })
            .SingleOrDefaultAsync(context.CancellationToken);
        if (known is not null && known.Source != AppSource.MetadataDocument)
        {
            return;
        }

        if (!options.Value.Enabled)
        {
            Refuse(context, "Addresses are not accepted as client_id here. Register the client.");
        }
        else if (!ClientIdAddress.TryParse(context.ClientId!, out var address))
        {
            Refuse(context, $"A client_id that is an address is https, has a path, no query or fragment, at most {AppRules.LongestUri} characters, and is written in its normal form.");
        }
        else if (known?.MetadataFreshUntil is not { } until || until <= time.GetUtcNow().UtcDateTime)
        {
            await RefreshAsync(context, address);
        }
    }

    private async Task RefreshAsync(ProcessAuthenticationContext context, Uri address)
    {
        if (context.ClientAssertionPrincipal is not null)
        {
            Refuse(context, "Send the client_id as well: its document has to be read before the assertion is checked.");
        }
        else if (context.Transaction.GetHttpRequest() is not { } request || !limit.Allows(request.HttpContext))
        {
            Refuse(context, "Too many metadata documents were asked for from this address. Try again later.");
        }
        else if (await documents.RefreshAsync(address, context.CancellationToken) is { } refusal)
        {
            Refuse(context, $"The metadata document at the client_id {refusal}.");
        }
    }

    private static bool IsDecidedHere(OpenIddictServerEndpointType endpoint) => endpoint is OpenIddictServerEndpointType.Authorization
        or OpenIddictServerEndpointType.PushedAuthorization or OpenIddictServerEndpointType.Token or OpenIddictServerEndpointType.DeviceAuthorization;

    /// <summary>At the authorization endpoint this is a local page: where to send the person back to is not known to be right.</summary>
    private static void Refuse(ProcessAuthenticationContext context, string description) =>
        context.Reject(context.EndpointType == OpenIddictServerEndpointType.Authorization ? Errors.InvalidRequest : Errors.InvalidClient, description);
}

/// <summary>Fetches by the address of who asks for them.</summary>
internal sealed class MetadataDocumentLimit(IOptions<MetadataDocumentOptions> options) : IDisposable
{
    private readonly PartitionedRateLimiter<string> _limiter = PartitionedRateLimiter.Create<string, string>(network =>
        RateLimitPartition.GetSlidingWindowLimiter(network, _ => new SlidingWindowRateLimiterOptions
        {
            PermitLimit = options.Value.FetchesPerHour,
            Window = TimeSpan.FromHours(1),
            SegmentsPerWindow = 12,
            QueueLimit = 0,
        }));

    public bool Allows(HttpContext context)
    {
        using var lease = _limiter.AttemptAcquire(ClientNetwork.Of(context));
        return lease.IsAcquired;
    }

    public void Dispose() => _limiter.Dispose();
}
