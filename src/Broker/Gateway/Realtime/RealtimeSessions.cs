using System.Net.WebSockets;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Operations;

namespace TokenBroker.Gateway;

/// <summary>Runs sessions that both sides have accepted, each until its end, and settles them.</summary>
internal sealed class RealtimeSessions(
    IOptions<RealtimeOptions> options, IOptions<BrokerOptions> broker, RefusalLog refusals, IHostApplicationLifetime lifetime, TimeProvider time,
    ILogger<RealtimeSessions> logger)
{
    public string BaseAddress => broker.Value.BaseAddress;

    public async Task RunAsync(HttpContext context, WebSocket app, ProviderSide provider, AdmittedSession admitted)
    {
        var settings = options.Value;
        using var appSide = new EventSocket(app, settings.MaxMessageBytes);
        using var providerSide = new EventSocket(provider.Socket!, settings.MaxMessageBytes);
        using var limits = new SessionLimits(settings, time);
        using var session = new RealtimeSession(
            appSide,
            providerSide,
            admitted.Claims,
            provider.Key,
            limits,
            (error, eventId) => ErrorEvent.Of(error, BaseAddress, context.TraceIdentifier, eventId))
        {
            OnRefused = error => refusals.Add(new Refusal(admitted.Caller.Facts.UserId, admitted.Caller.Grant.Id, error.Code, admitted.Operation.Name)),
            OnFailed = exception => logger.LogError(exception, "Session {Request} failed.", context.TraceIdentifier),
            Abort = context.Abort,
        };
        await using var onStop = lifetime.ApplicationStopping.UnsafeRegister(static state => ((RealtimeSession)state!).End(SessionEnd.Stopping), session);
        await session.RunAsync();
    }
}
