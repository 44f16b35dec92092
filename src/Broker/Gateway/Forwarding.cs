using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using TokenBroker.Metering;
using TokenBroker.Operations;
using TokenBroker.Upstreams;
using Yarp.ReverseProxy.Forwarder;

namespace TokenBroker.Gateway;

/// <summary>
/// Sends an admitted call and settles it. However the call ends (answered, refused, broken, cut, or left by the
/// client) its reservation is settled once, at what the provider reported or at an estimate from what went through.
/// A call is sent once: nothing here tries again.
/// </summary>
internal sealed class Forwarding(
    IHttpForwarder forwarder, UpstreamClient client, UsageLog usage, KeyHealth health, IOptions<BrokerOptions> broker, TimeProvider time)
{
    /// <summary>How long the last event of a cut stream may take to reach a slow client.</summary>
    private static readonly TimeSpan CutGrace = TimeSpan.FromMilliseconds(150);

    /// <returns>The error to answer with, where nothing was answered yet.</returns>
    public async Task<GatewayError?> SendAsync(HttpContext context, Call call, OutgoingBody body, string key)
    {
        var started = time.GetTimestamp();
        UseBody(context, call, body);
        context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
        var transformer = new CallTransformer(call, key, broker.Value.BaseAddress);
        using var abandon = new CancellationTokenSource();
        await using var onCut = call.Caller.Grant.Cut.UnsafeRegister(_ => Abandon(call, abandon), null);
        GatewayError? failure = null;
        try
        {
            var config = new ForwarderRequestConfig { ActivityTimeout = call.Upstream.IdleTimeout + CutGrace, AllowResponseBuffering = false };
            var outcome = await forwarder.SendAsync(context, call.Upstream.BaseUrl, client.Invoker, config, transformer, abandon.Token);
            if (call.Tap?.End == StreamEnd.Truncated)
            {
                await BrokenAnswer.EndAsync(context, CutGrace);
            }

            failure = Failure(context, call, outcome);
            return failure;
        }
        finally
        {
            Settle(call, failure?.Status ?? context.Response.StatusCode, started);
        }
    }

    private static void Abandon(Call call, CancellationTokenSource abandon)
    {
        try
        {
            if (call.Answered)
            {
                abandon.CancelAfter(CutGrace);
            }
            else
            {
                abandon.Cancel();
            }
        }
        catch (ObjectDisposedException)
        {
            // The call ended by itself in the meantime.
        }
    }

    private static void UseBody(HttpContext context, Call call, OutgoingBody body)
    {
        // The forwarder would take these for a wish to speak another protocol with the provider.
        context.Request.Headers.Upgrade = default;
        context.Request.Headers.Connection = default;
        if (body == OutgoingBody.None)
        {
            return;
        }

        context.Request.Body = new SentBody(body.Stream ?? Wrap(body.Bytes), call);
        context.Request.ContentLength = body.Length;
        if (body.Length is not null)
        {
            context.Request.Headers.TransferEncoding = default;
        }
    }

    private static MemoryStream Wrap(ReadOnlyMemory<byte> bytes)
    {
        var array = MemoryMarshal.TryGetArray(bytes, out var segment) ? segment : new ArraySegment<byte>(bytes.ToArray());
        return new MemoryStream(array.Array!, array.Offset, array.Count, writable: false);
    }

    private static GatewayError? Failure(HttpContext context, Call call, ForwarderError outcome)
    {
        if (outcome == ForwarderError.None || context.Response.HasStarted || call.Refusal is not null)
        {
            return null;
        }

        return call.Tap is { KeyWasEchoed: true } ? GatewayError.KeyEchoed
            : call.Caller.Grant.Cut.IsCancellationRequested ? Call.ErrorOf(call.Caller.Grant.CutReason)
            : outcome is ForwarderError.RequestTimedOut ? GatewayError.Timeout
            : GatewayError.Unavailable;
    }

    private void Settle(Call call, int status, long started)
    {
        if (call.KeyWasRejected)
        {
            health.MarkRefused(call.Key.Id);
        }

        var elapsed = time.GetElapsedTime(started);
        var (tokens, estimated) = CallCost.Of(call, elapsed);
        var cost = call.MayHaveCost && call.Price is not null ? call.Price.CostOf(tokens) : 0;
        call.Reservation.Settle(cost);
        call.Lease.UseTokens(tokens.Input + tokens.Output);
        usage.Add(new UsageEntry(
            new Usage
            {
                Id = Guid.CreateVersion7(time.GetUtcNow()),

                // What a child grant used is shown with the grant that the user knows.
                GrantId = call.Caller.Facts.Line[^1].GrantId,
                At = time.GetUtcNow().UtcDateTime,
                Operation = call.Operation.Name,
                Model = call.Request.Model,
                InputTokens = tokens.Input,
                CachedInputTokens = tokens.CachedInput,
                OutputTokens = tokens.Output,
                CostMicros = cost,
                Estimated = estimated,
                Status = status,
                DurationMs = (int)Math.Min(int.MaxValue, elapsed.TotalMilliseconds),
            },
            call.Reservation,
            call.Key.Id));
    }

    /// <summary>The body that is sent, which notes on the call when its sending begins.</summary>
    private sealed class SentBody(Stream body, Call call) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            call.Sent = true;
            return body.ReadAsync(buffer, cancellationToken);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The body is read asynchronously.");

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
