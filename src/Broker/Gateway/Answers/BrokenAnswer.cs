using System.Buffers;
using Microsoft.AspNetCore.Connections.Features;

namespace TokenBroker.Gateway;

/// <summary>
/// Ends an answer that is not whole so that no client takes it for whole: without the end that HTTP gives a body. What
/// was written before, the error event above all, must still arrive: Kestrel's abort throws away what its connection
/// has not sent yet, and its flush does not wait for that.
/// </summary>
internal static class BrokenAnswer
{
    /// <param name="context">The call.</param>
    /// <param name="lastWords">What is still written, behind all that was written before.</param>
    /// <param name="grace">How long a slow client has to take it.</param>
    public static async Task EndAsync(HttpContext context, ReadOnlyMemory<byte> lastWords, TimeSpan grace)
    {
        try
        {
            var output = context.Response.BodyWriter;
            output.Write(lastWords.Span);
            var flushing = output.FlushAsync(CancellationToken.None);
            if (!flushing.IsCompleted)
            {
                await flushing.AsTask().WaitAsync(grace);
            }

            await DrainAsync(context, grace);
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or TimeoutException)
        {
            // The client went away by itself, or does not read.
        }

        context.Abort();
    }

    /// <summary>
    /// On HTTP/1.1 the connection is this call's alone: completing its output sends what is left and then closes it. Later
    /// versions share the connection, and reset the stream behind what they have queued.
    /// </summary>
    private static async Task DrainAsync(HttpContext context, TimeSpan grace)
    {
        if (!HttpProtocol.IsHttp11(context.Request.Protocol) || context.Features.Get<IConnectionTransportFeature>() is not { } connection)
        {
            return;
        }

        var closed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var onClosed = context.RequestAborted.UnsafeRegister(static state => ((TaskCompletionSource)state!).TrySetResult(), closed);
        await connection.Transport.Output.CompleteAsync();
        await closed.Task.WaitAsync(grace).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
