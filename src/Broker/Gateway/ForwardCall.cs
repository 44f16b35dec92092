using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Operations;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The way of a call, from the app's token to the provider's answer. The invariant: nothing is sent unless the token,
/// the grant, the operation, the model, the rate and the budget all allow it, and whatever was sent is settled.
/// </summary>
/// <remarks>
///   (1) The token names the caller: in memory after its first use. One that is bound to a key (RFC 9449) names nobody
///       unless the call proves that key.
///   (2) The catalogue names the operation, by method and raw path.
///   (3) The scope, the rate and the concurrency allow it.
///   (4) The body is read, and the model and its price are known.
///   (5) The worst cost is reserved from the budget.
///   (6) Custody opens the key, and where a policy asks for it, the content is moderated.
///   (7) The call is sent; the answer streams back through the tap.
///   (8) The reservation is settled at the true cost and the usage is queued.
/// In the steady state none of this queries the database or the vault.
/// </remarks>
internal sealed class ForwardCall(
    Callers callers, Admission admission, Clearance clearance, Forwarding forwarding, RefusalLog refusals, IOptions<BrokerOptions> broker,
    ILogger<ForwardCall> logger)
{
    public async Task HandleAsync(HttpContext context, Upstream upstream)
    {
        var id = forwarding.NewId();
        context.TraceIdentifier = NameOf(id);
        GatewayError? refusal;
        try
        {
            (var admitted, var key, refusal) = await AdmitAsync(context, upstream);
            if (admitted is not null)
            {
                using var lease = admitted.Lease;
                using var reservation = admitted.Call.Reservation;

                // (7) and (8) The provider.
                admitted.Call.Id = id;
                refusal = await forwarding.SendAsync(context, admitted.Call, admitted.Body, key!);
            }
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to answer.
            return;
        }
        catch (BadHttpRequestException exception) when (!context.Response.HasStarted)
        {
            refusal = GatewayError.Unreadable(exception.StatusCode);
        }
        catch (Exception exception) when (!context.Response.HasStarted)
        {
            logger.LogError(exception, "Call {Request} failed.", context.TraceIdentifier);
            refusal = GatewayError.Internal;
        }

        if (refusal is not null && !context.Response.HasStarted)
        {
            await refusal.WriteAsync(context, broker.Value.BaseAddress);
        }
    }

    /// <returns>The call with its lease and reservation, which are then the caller's to end, and its key; or the refusal.</returns>
    private async ValueTask<(Admitted? Admitted, string? Key, GatewayError? Refusal)> AdmitAsync(HttpContext context, Upstream upstream)
    {
        // (1) The caller.
        var (caller, refusal) = await callers.FindAsync(context, upstream);
        if (caller is null || refusal is not null)
        {
            return (null, null, caller is null ? refusal : Refuse(caller, "any", refusal!));
        }

        // (2) The operation: matched on the bytes of the request line, which are the bytes that are sent on.
        var path = PathBelow(upstream, context);
        if (caller.Facts.UpstreamId != upstream.Id || upstream.Find(context.Request.Method, path) is not { } found)
        {
            return (null, null, Refuse(caller, "unknown", GatewayError.OperationNotAllowed(context.Request.Method, context.Request.Path, $"{broker.Value.BaseAddress}/{caller.Facts.UpstreamId}/v1")));
        }

        if (found.Refusal is not null)
        {
            return (null, null, Refuse(caller, found.Name, GatewayError.Denied(found)));
        }

        // (3) to (5) Whether it may be made, and its worst cost reserved.
        var (admitted, notAdmitted) = await admission.AdmitAsync(context, caller, upstream, found, path);
        if (admitted is null)
        {
            return (null, null, Refuse(caller, found.Operation.Name, notAdmitted!));
        }

        // (6) The key, and the moderation.
        var isCleared = false;
        try
        {
            var key = await clearance.RunAsync(admitted, context.RequestAborted);
            if (key.Refusal is null && caller.Grant.IsStale && await NoLongerAllowedAsync(context, admitted.Call) is { } narrowed)
            {
                key = (null, narrowed);
            }

            isCleared = key.Refusal is null;
            return isCleared ? (admitted, key.Text, null) : (null, null, Refuse(caller, found.Operation.Name, key.Refusal!));
        }
        finally
        {
            if (!isCleared)
            {
                admitted.Call.Reservation.Dispose();
                admitted.Lease.Dispose();
            }
        }
    }

    /// <summary>
    /// The grant changed while the body came in, which a client can make last, or while the call was moderated. What ends the
    /// grant cuts the call when it is sent; what narrows it is looked at here.
    /// </summary>
    private async ValueTask<GatewayError?> NoLongerAllowedAsync(HttpContext context, Call call)
    {
        var (now, refusal) = await callers.FindAgainAsync(context, call.Upstream);
        return now is null || refusal is not null ? refusal
            : !now.Scopes.Contains(call.Operation.Scope) ? GatewayError.InsufficientScope(call.Operation.Scope)
            : now.Key is null ? now.NoKey
            : Admission.IsForbidden(now, call.Operation, call.Request.Model, call.Price) ? GatewayError.ModelNotAllowed(call.Request.Model)
            : null;
    }

    private static string NameOf(Guid id) => string.Create(36, id, static (text, id) =>
    {
        "req_".CopyTo(text);
        id.TryFormat(text[4..], out _, "N");
    });

    private GatewayError Refuse(Caller caller, string operation, GatewayError error)
    {
        refusals.Add(new Refusal(caller.Facts.UserId, caller.Grant.Id, error.Code, operation));
        return error;
    }

    /// <summary>What follows <c>/openai/v1</c> in the request line, undecoded, with its query.</summary>
    private static string PathBelow(Upstream upstream, HttpContext context)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var prefix = $"/{upstream.Id}/v1";
        return target.StartsWith(prefix + "/", StringComparison.Ordinal) ? target[prefix.Length..] : "";
    }
}
