using System.Buffers;
using Microsoft.Extensions.Options;
using TokenBroker.Samples.SandboxUpstream.Provider;

namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>
/// The outermost step: takes the whole request into the journal before anything judges it, so that refused requests are
/// recorded too, and notes how it ended. The sandbox's own control paths are left out.
/// </summary>
internal sealed class Recorder(
    RequestDelegate next, Journal journal, IOptions<SandboxOptions> options, TimeProvider clock, IHostApplicationLifetime lifetime)
{
    public async Task InvokeAsync(HttpContext context)
    {
        if (context.Request.Path.StartsWithSegments("/_sandbox", StringComparison.Ordinal))
        {
            await next(context);
            return;
        }

        var recording = journal.Arrive(context);
        await using var gone = context.RequestAborted.Register(recording.CallerWentAway);
        // Stopping the host ends stalls and streams as well; otherwise a test would wait for the shutdown timeout.
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, lifetime.ApplicationStopping);
        try
        {
            var (body, cut) = await ReadAsync(context.Request.Body, recording, ended.Token);
            recording.Received(body, cut);
            var call = new Call(context, recording, body, options.Value, clock, ended.Token);
            context.Features.Set(call);
            ProviderHeaders.Set(call);
            context.Response.OnStarting(() =>
            {
                recording.Started(context.Response.StatusCode);
                return Task.CompletedTask;
            });
            await (cut ? call.RefuseAsync(ProviderErrors.TooLarge) : next(context));
        }
        catch (BrokenOffException)
        {
            recording.Answered();
            context.Abort();
        }
        catch (Exception exception) when (ended.IsCancellationRequested && exception is OperationCanceledException or IOException)
        {
            context.Abort();
        }
        finally
        {
            recording.Finished();
        }
    }

    private static async Task<(ReadOnlyMemory<byte> Body, bool Cut)> ReadAsync(
        Stream stream, Recording recording, CancellationToken cancellationToken)
    {
        using var kept = new MemoryStream();
        var buffer = ArrayPool<byte>.Shared.Rent(64 * 1024);
        try
        {
            int read;
            while ((read = await stream.ReadAsync(buffer, cancellationToken)) > 0)
            {
                var room = Journal.MaxBodyBytes - (int)kept.Length;
                kept.Write(buffer.AsSpan(0, Math.Min(read, room)));
                if (read > room)
                {
                    return (kept.ToArray(), true);
                }
            }

            return (kept.ToArray(), false);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException)
        {
            // An upload that broke off is evidence as well: list it with the part that came.
            recording.Received(kept.ToArray(), cut: false);
            recording.CallerWentAway();
            throw new BrokenOffException();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
        }
    }
}
