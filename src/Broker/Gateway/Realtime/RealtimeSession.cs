using System.Net.WebSockets;
using System.Text;

namespace TokenBroker.Gateway;

/// <summary>
/// One open session: what the app sends is judged and paid for before it goes on, what the provider sends is searched for
/// the key and counted. Whoever ends it first has the say; then the provider's side ends at once, so that nothing is
/// generated for nobody, and the app is told why, within a time that it cannot stretch.
/// </summary>
internal sealed class RealtimeSession(
    EventSocket app, EventSocket provider, SessionClaims claims, byte[] key, SessionLimits limits, Func<GatewayError, string?, byte[]> write) : IDisposable
{
    /// <summary>How long the last words may take to reach a slow app. Where a grant was cut, the provider has ended before.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(500);

    private readonly TaskCompletionSource<SessionEnd> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _over = new();
    private readonly ClientEvents _events = new(claims.Terms);

    public required Action<GatewayError> OnRefused { get; init; }

    public required Action<Exception> OnFailed { get; init; }

    /// <summary>Ends the app's connection, whatever is on its way.</summary>
    public required Action Abort { get; init; }

    /// <summary>Ends it, unless it has ended.</summary>
    public void End(SessionEnd end) => _ended.TrySetResult(end);

    public async Task RunAsync()
    {
        await using var onCut = claims.Terms.Cut.UnsafeRegister(_ => End(SessionEnd.Because(claims.Terms.CutError)), null);
        limits.Start(End);
        var fromApp = PumpAsync(TakeFromAppAsync);
        var fromProvider = PumpAsync(TakeFromProviderAsync);
        var end = await _ended.Task;
        await TellAsync(end, fromProvider);
        await _over.CancelAsync();

        // Whoever answers the closing frame has read what came before it. Nobody is waited for longer than the grace.
        var drained = DrainAsync(fromApp);
        await drained.WaitAsync(Grace).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!drained.IsCompleted)
        {
            Abort();
            app.Abort();
        }

        await Task.WhenAll(drained, fromProvider);
        await claims.EndAsync(end.HttpStatus);
    }

    public void Dispose() => _over.Dispose();

    private async Task DrainAsync(Task fromApp)
    {
        await fromApp;
        await app.DrainAsync();
    }

    private async Task PumpAsync(Func<Task<SessionEnd?>> takeAsync)
    {
        SessionEnd? end = null;
        try
        {
            while (end is null && !_ended.Task.IsCompleted)
            {
                end = await takeAsync();
                limits.Note();
            }
        }
        catch (OperationCanceledException) when (_over.IsCancellationRequested)
        {
            // The session is over.
        }
        catch (Exception exception)
        {
            // An error in a check refuses.
            OnFailed(exception);
            end = SessionEnd.Failed;
        }

        End(end ?? SessionEnd.Left);
    }

    private async Task<SessionEnd?> TakeFromAppAsync()
    {
        var (kind, bytes) = await app.ReceiveAsync();
        switch (kind)
        {
            case MessageKind.Closed:
                return SessionEnd.Left;
            case MessageKind.TooLarge:
                return new(GatewayError.EventTooLarge, WebSocketCloseStatus.MessageTooBig);
            case MessageKind.Binary:
                return await RefuseAsync(GatewayError.InvalidRequest("Events are text; sound goes as base64 inside of them."), null);
        }

        var (sent, refusal, eventId) = _events.Read(bytes);
        if (sent is null)
        {
            return await RefuseAsync(refusal!, eventId);
        }

        if (sent is { CreatesResponse: true, EventId: null })
        {
            // By this name the provider's refusal says which claim is free again.
            sent = sent with { EventId = "event_" + Guid.CreateVersion7().ToString("N") };
            bytes = Named(bytes.Span, sent.EventId);
        }

        var (notPaid, ends) = await claims.BeforeAsync(sent, _over.Token);
        if (notPaid is not null)
        {
            return ends ? Because(notPaid) : await RefuseAsync(notPaid, eventId);
        }

        return _ended.Task.IsCompleted || await provider.SendAsync(bytes, _over.Token) ? null : SessionEnd.Unusable;
    }

    private async Task<SessionEnd?> TakeFromProviderAsync()
    {
        var (kind, bytes) = await provider.ReceiveAsync();
        if (kind != MessageKind.Text)
        {
            return kind == MessageKind.Closed ? SessionEnd.ClosedByProvider(provider.ClosedAs) : SessionEnd.Unusable;
        }

        if (bytes.Span.IndexOf(key) >= 0)
        {
            return SessionEnd.KeyEchoed;
        }

        if (ServerEvent.Read(bytes) is not { } told)
        {
            return SessionEnd.Unusable;
        }

        var error = await claims.AfterAsync(told, _over.Token);
        await app.SendAsync(bytes, _over.Token);
        return error is null ? null : Because(error);
    }

    private SessionEnd Because(GatewayError error)
    {
        OnRefused(error);
        return SessionEnd.Because(error);
    }

    private async Task<SessionEnd?> RefuseAsync(GatewayError error, string? eventId)
    {
        OnRefused(error);
        return await app.SendAsync(write(error, eventId), _over.Token) ? null : SessionEnd.Left;
    }

    private async Task TellAsync(SessionEnd end, Task fromProvider)
    {
        // Real time on purpose: how long a socket may hold up a revocation does not stretch with a replaced clock.
        using var grace = new CancellationTokenSource(Grace);
        if (end.Error is not null)
        {
            provider.Abort();
        }
        else
        {
            await provider.CloseAsync(null, WebSocketCloseStatus.NormalClosure, grace.Token);
        }

        await app.CloseAsync(end.Error is null ? null : write(end.Error, null), end.Status, grace.Token);
        if (end.Error is null)
        {
            // A goodbye that is answered was heard: an abort at its heels can overtake it. One that still speaks is not waited for.
            await fromProvider.WaitAsync(Grace).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            provider.Abort();
        }
    }

    private static byte[] Named(ReadOnlySpan<byte> message, string eventId)
    {
        var inside = message.IndexOf((byte)'{') + 1;
        return [.. "{\"event_id\":\""u8, .. Encoding.ASCII.GetBytes(eventId), .. "\","u8, .. message[inside..]];
    }
}
