using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Options;
using TokenBroker.Authorization.Details;
using TokenBroker.Operations;

namespace TokenBroker.Gateway;

/// <summary>
/// <c>GET /api/v1/grant</c>: an app asks, by its access token, what it was granted and what is left. The token is
/// checked as for a call; a pause is told and not refused, since an app that knows of it can wait.
/// </summary>
internal sealed class GrantEndpoint(Callers callers, TellGranted granted, IOptions<BrokerOptions> broker, ILogger<GrantEndpoint> logger)
{
    public async Task HandleAsync(HttpContext context)
    {
        context.TraceIdentifier = "req_" + Guid.CreateVersion7().ToString("N");
        GatewayError? refusal;
        try
        {
            refusal = await TryAsync(context);
        }
        catch (Exception exception) when (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
        {
            logger.LogError(exception, "Request {Request} for a grant failed.", context.TraceIdentifier);
            refusal = GatewayError.Internal;
        }

        if (refusal is not null)
        {
            await refusal.WriteAsync(context, broker.Value.BaseAddress);
        }
    }

    private async Task<GatewayError?> TryAsync(HttpContext context)
    {
        var (caller, refusal) = await callers.FindAsync(context);
        if (caller is null || (refusal is not null && refusal != GatewayError.GrantPaused))
        {
            return refusal;
        }

        if (await granted.FindAsync(caller.Grant.Id, context.RequestAborted) is not { HasEnded: false } access)
        {
            return GatewayError.GrantRevoked;
        }

        var answer = new JsonObject
        {
            ["client_id"] = access.Grant.Application?.ClientId,
            ["app"] = access.Grant.Application?.DisplayName ?? access.Grant.Application?.ClientId,
            ["status"] = access.IsPaused ? "paused" : "active",
            ["paused"] = access.IsPaused,
            ["scope"] = string.Join(' ', caller.Scopes.Order(StringComparer.Ordinal)),
            ["expires_at"] = GrantedAccess.Instant(access.ExpiresAt),
            [ModelAccess.Parameter] = access.ToDetails(),
        };
        context.Response.ContentType = "application/json";
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers[GatewayHeaders.RequestId] = context.TraceIdentifier;
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(answer), context.RequestAborted);
        return null;
    }
}
