using TokenBroker.Audit;
using TokenBroker.Safety;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The way of a realtime session. The invariant is that of a call: nothing is opened unless the token, the grant, the
/// model, the rate and the budget all allow it, and whatever the provider did is settled.
/// </summary>
/// <remarks>
///   (1) The token names the caller, by header or subprotocol, with a proof where it is bound.
///   (2) The address, the origin and the one model of the query are read.
///   (3) The scope, the model, its price, the rate and a place allow it, and one response's worst cost is reserved.
///   (4) Custody opens the key, and the provider accepts the session.
///   (5) Only now is the app's request answered: every refusal before is a plain HTTP answer.
///   (6) Events go both ways, judged and metered, until either side or the grant ends it.
/// </remarks>
internal sealed class OpenSession(
    Handshake handshake, SessionAdmission admission, ProviderSockets providers, RealtimeSessions sessions, ContentCheck content, RefusalLog refusals,
    ILogger<OpenSession> logger)
{
    public async Task HandleAsync(HttpContext context, Upstream upstream, Operation operation)
    {
        context.TraceIdentifier = "req_" + Guid.CreateVersion7().ToString("N");
        GatewayError? refusal;
        try
        {
            refusal = await TryAsync(context, upstream, operation);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client went away; there is nobody to answer.
            return;
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "Session {Request} failed.", context.TraceIdentifier);
            refusal = GatewayError.Internal;
        }

        if (refusal is not null && !context.Response.HasStarted)
        {
            await refusal.WriteAsync(context, sessions.BaseAddress);
        }
    }

    private async Task<GatewayError?> TryAsync(HttpContext context, Upstream upstream, Operation operation)
    {
        // (1) The caller.
        var (caller, refusal) = await handshake.FindCallerAsync(context);
        if (caller is null)
        {
            return refusal;
        }

        if (refusal is not null)
        {
            return Refuse(caller, operation, refusal);
        }

        // (2) What is asked for.
        if (caller.Facts.UpstreamId != upstream.Id)
        {
            return Refuse(caller, operation, GatewayError.OperationNotAllowed(context.Request.Method, context.Request.Path));
        }

        var (model, notRead) = await handshake.ReadAsync(context, upstream);
        if (model is null)
        {
            return Refuse(caller, operation, notRead!);
        }

        if (content.IsWanted(caller.Facts.Safety, operation.Kind, model))
        {
            // What is said in a session goes on as it is said: nobody could look at it first.
            return Refuse(caller, operation, GatewayError.ContentUnreadable);
        }

        // (3) Whether it may be had, and the first response's worst cost reserved.
        var (admitted, notAdmitted) = await admission.AdmitAsync(caller, upstream, operation, model, context.RequestAborted);
        if (admitted is null)
        {
            return Refuse(caller, operation, notAdmitted!);
        }

        using var lease = admitted.Lease;
        using var claims = admitted.Claims;

        // (4) The key, and the provider.
        using var opened = await providers.OpenAsync(upstream, admitted, context.RequestAborted);
        if (opened.Socket is null)
        {
            return Refuse(caller, operation, opened.Refusal!);
        }

        // (5) and (6) The app. Compressed events could not be judged, and would tell secrets by their length.
        context.Response.Headers[GatewayHeaders.RequestId] = context.TraceIdentifier;
        context.Response.Headers.CacheControl = "no-store";
        using var app = await context.WebSockets.AcceptWebSocketAsync(
            new WebSocketAcceptContext { SubProtocol = Handshake.Accepted(context), DangerousEnableCompression = false });
        await sessions.RunAsync(context, app, opened, admitted);
        return null;
    }

    private GatewayError Refuse(Caller caller, Operation operation, GatewayError error)
    {
        refusals.Add(new Refusal(caller.Facts.UserId, caller.Grant.Id, error.Code, operation.Name));
        return error;
    }
}
