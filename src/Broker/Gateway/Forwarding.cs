using Microsoft.Extensions.Options;
using TokenBroker.Metering;
using TokenBroker.Operations;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Sends an admitted call, carries its answer back and settles it. However the call ends (answered, refused, broken,
/// cut, or left by the client) its reservation is settled once, at what the provider reported or at an estimate from
/// what went through. A call is sent once: nothing here tries again. See docs/decisions/0008 for why no proxy library
/// stands here.
/// </summary>
/// <remarks>
///   (1) The request is built anew, from listed headers and the key.
///   (2) It is sent; the provider's silence, the client's leaving and the grant's end are watched from here on.
///   (3) The head of the answer: a refusal of ours in its place, an error of the provider's, or listed headers.
///   (4) The body streams through the tap.
///   (5) An answer that breaks is ended so that no client takes it for whole; a stream's last event says why.
///   (6) The call is settled.
/// </remarks>
internal sealed class Forwarding(UpstreamClient client, UsageLog usage, KeyHealth health, Departures departures, IOptions<BrokerOptions> broker, TimeProvider time)
{
    private readonly string _baseAddress = broker.Value.BaseAddress;

    /// <summary>A name for a call; a later one sorts behind.</summary>
    public Guid NewId() => CallId.New(time.GetUtcNow());

    /// <returns>The error to answer with, where nothing was answered yet.</returns>
    public async ValueTask<GatewayError?> SendAsync(HttpContext context, Call call, OutgoingBody body, string key)
    {
        var started = time.GetTimestamp();
        var watch = CallWatch.Over(context, call.Upstream.IdleTimeout, departures.LimitsOf(call), call.Caller.Grant.Cut);
        var content = ContentOf(context, call, body, watch);
        GatewayError? failure = GatewayError.Internal;
        try
        {
            // (1) and (2)
            using var request = UpstreamRequest.Of(context, call, content, key);
            watch.BeginWait();
            using var answer = await (call.Through ?? client.Invoker).SendAsync(request, watch.Token);
            watch.EndWait();
            Note(call, context, answer.StatusCode);

            // (3) to (5)
            failure = await AnswerAsync(context, call, answer, key, watch);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            failure = watch.HasLeft ? null
                : watch.End == CallEnd.None && content?.ClientFault is BadHttpRequestException fault ? GatewayError.Unreadable(fault.StatusCode)
                : ErrorOf(call, watch);
            Note(call, context, failure, exception);
        }
        finally
        {
            // (6)
            var status = failure?.Status ?? (watch.HasLeft ? StatusCodes.Status499ClientClosedRequest : context.Response.StatusCode);
            if (content is not null && !content.Ended.IsCompleted)
            {
                // Nothing may read the client's body once its request is over.
                watch.EndBy(CallEnd.ClientLeft);
                await content.Ended;
            }

            watch.Release(mayReuse: body.Stream is null);
            Settle(call, status, started);
            call.Tap?.EndUsage();
        }

        return failure;
    }

    /// <summary>A method that has a body gets one even where it is empty: the client below sends again what has none.</summary>
    private static SentContent? ContentOf(HttpContext context, Call call, OutgoingBody body, CallWatch watch) =>
        body != OutgoingBody.None || !HttpMethods.IsGet(context.Request.Method)
            ? new SentContent(call, body, body == OutgoingBody.None ? null : context.Request.ContentType, watch)
            : null;

    private async ValueTask<GatewayError?> AnswerAsync(HttpContext context, Call call, HttpResponseMessage answer, string key, CallWatch watch)
    {
        if (AnswerHead.RefusalOf(answer) is { } refusal)
        {
            refusal = refusal == GatewayError.KeyRejected && call.Key.IsSponsors ? GatewayError.SponsorKeyRejected : refusal;
            call.Refusal = refusal;
            call.KeyWasRejected = answer.StatusCode == System.Net.HttpStatusCode.Unauthorized;
            return refusal;
        }

        var shape = AnswerHead.ShapeOf(answer);
        AnswerHead.Write(context, answer, shape, key);
        if (!answer.IsSuccessStatusCode)
        {
            call.ProviderRefused = true;
            watch.BeginWait();
            var text = await AnswerHead.ReadErrorAsync(answer, key, watch.Token);
            watch.EndWait();
            await context.Response.WriteAsync(text, context.RequestAborted);
            return null;
        }

        var tap = call.Tap = new ResponseTap(new KeyGuard(key), shape, call.Request.HideUsage);
        try
        {
            await AnswerPump.RunAsync(BodyOf(call, answer) ?? await answer.Content.ReadAsStreamAsync(watch.Token), context.Response, tap, watch);
            return null;
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException)
        {
            return await BreakAsync(context, call, tap, watch, exception);
        }
        finally
        {
            tap.Clear();
        }
    }

    /// <summary>The connection's own stream is there at once; null where something stands before it.</summary>
    private static Stream? BodyOf(Call call, HttpResponseMessage answer) => call.Through is null ? answer.Content.ReadAsStream() : null;

    private async Task<GatewayError?> BreakAsync(HttpContext context, Call call, ResponseTap tap, CallWatch watch, Exception exception)
    {
        tap.Truncate();
        if (watch.HasLeft)
        {
            context.Abort();
            return null;
        }

        var error = ErrorOf(call, watch);
        Note(call, context, error, exception);
        if (tap.Shape != AnswerShape.Events && tap.Bytes == 0 && !context.Response.HasStarted)
        {
            return error;
        }

        var lastEvent = tap.Shape == AnswerShape.Events ? error.ToEvent(_baseAddress, context.TraceIdentifier) : [];
        await BrokenAnswer.EndAsync(context, lastEvent, CallWatch.CutGrace);
        return null;
    }

    private static GatewayError ErrorOf(Call call, CallWatch watch) =>
        call.Tap is { KeyWasEchoed: true } ? GatewayError.KeyEchoed
        : call.Request.Upload?.Refusal is { } refused ? refused
        : call.NotRecorded ? GatewayError.NotRecorded
        : watch.End == CallEnd.Cut || call.Caller.Grant.Cut.IsCancellationRequested ? Call.ErrorOf(call.Caller.Grant.CutReason)
        : watch.End == CallEnd.Silent ? GatewayError.Timeout
        : GatewayError.Unavailable;

    private void Note(Call call, HttpContext context, System.Net.HttpStatusCode status)
    {
        if ((int)status < StatusCodes.Status500InternalServerError)
        {
            client.Trouble.Answered(call.Upstream.Id);
        }
        else
        {
            client.Trouble.Failed(call.Upstream.Id, context.TraceIdentifier, $"it answered {(int)status}.");
        }
    }

    /// <summary>Only what is the provider's own failure: not a cut, nor a client that left.</summary>
    private void Note(Call call, HttpContext context, GatewayError? error, Exception exception)
    {
        if (error == GatewayError.Unavailable || error == GatewayError.Timeout)
        {
            client.Trouble.Failed(call.Upstream.Id, context.TraceIdentifier, error == GatewayError.Timeout ? "it was silent for too long." : exception.GetBaseException().Message);
        }
    }

    private void Settle(Call call, int status, long started)
    {
        if (call.KeyWasRejected)
        {
            health.MarkRefused(call.Key.Id);
        }

        var elapsed = time.GetElapsedTime(started);
        var charge = CallCost.Of(call, elapsed);
        call.Reservation.Settle(charge.Micros);
        call.Lease.UseTokens(charge.Tokens.Input + charge.Tokens.Output);
        var row = charge.ToRow(call.Id, call.Caller.Facts.Line[^1].GrantId, call.Operation.Name, call.Request.Model, status, elapsed, time.GetUtcNow());
        usage.Add(new UsageEntry(row, call.Reservation, call.Key.Id, BegunJob.Of(call, row)));
    }
}
