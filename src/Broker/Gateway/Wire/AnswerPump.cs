using System.Buffers;
using System.IO.Pipelines;

namespace TokenBroker.Gateway;

/// <summary>
/// Carries an answer's bytes from the provider to the app. They are read into the memory that they are sent from, looked
/// at there and passed on. While the provider is silent no buffer is held, and whatever it has sent is flushed. Where
/// the app is slow the provider is not read, so that neither side can fill this program's memory.
/// </summary>
internal static class AnswerPump
{
    /// <summary>What may be written before it is flushed, while the provider is faster than this.</summary>
    private const int MostUnflushed = 16 * 1024;
    private const int UsualRead = 2 * 1024;
    private const int LargeRead = 16 * 1024;

    /// <exception cref="IOException">The provider's side broke, or its answer quotes the key.</exception>
    /// <exception cref="OperationCanceledException">The watch has ended the call.</exception>
    public static async Task RunAsync(Stream upstream, HttpResponse response, ResponseTap tap, CallWatch watch)
    {
        var output = response.BodyWriter;
        var length = response.ContentLength ?? 0;
        var isDue = tap.Shape == AnswerShape.Events;
        var flushed = 0L;
        if (!tap.MayTellUsage)
        {
            watch.EndWithClient();
        }

        while (true)
        {
            // (1) A read of nothing waits for bytes without holding a buffer meanwhile. What came before is on its way by then.
            var waiting = upstream.ReadAsync(Memory<byte>.Empty, watch.Token);
            if (!waiting.IsCompleted || tap.Bytes - flushed >= MostUnflushed)
            {
                if (isDue || tap.Bytes > flushed)
                {
                    await FlushAsync(output, watch);
                    (isDue, flushed) = (false, tap.Bytes);
                }

                if (!waiting.IsCompleted)
                {
                    watch.BeginWait();
                }
            }

            await waiting;
            watch.EndWait();
            if (watch.HasLeft)
            {
                await Drain.RunAsync(upstream, tap, watch);
                response.HttpContext.Abort();
                return;
            }

            // (2) The bytes, into the place where they are sent from; or, where some are taken out, through the filter.
            var read = tap.Filters
                ? await ReadFilteredAsync(upstream, output, tap, watch)
                : await ReadAsync(upstream, output, tap, watch, SizeOf(tap, length));
            if (read == 0)
            {
                // (3) The end. A small answer leaves in one piece: Kestrel sends its head and body together.
                tap.Complete(output);
                if (flushed > 0 || tap.Bytes > UsualRead)
                {
                    await FlushAsync(output, watch);
                }

                return;
            }
        }
    }

    private static int SizeOf(ResponseTap tap, long length) =>
        tap.Shape == AnswerShape.Events ? UsualRead
        : length > 0 ? (int)Math.Clamp(length - tap.Bytes, 256, LargeRead)
        : tap.Bytes < LargeRead ? UsualRead : LargeRead;

    private static async ValueTask<int> ReadAsync(Stream upstream, PipeWriter output, ResponseTap tap, CallWatch watch, int size)
    {
        var lead = tap.Lead;
        var memory = output.GetMemory(lead + size);
        var read = await ReadAsync(upstream, memory[lead..], watch);
        if (read > 0)
        {
            Pass(tap, memory.Span[..(lead + read)], out var length);
            output.Advance(length);
        }

        return read;
    }

    private static async ValueTask<int> ReadFilteredAsync(Stream upstream, PipeWriter output, ResponseTap tap, CallWatch watch)
    {
        var lead = tap.Lead;
        var buffer = ArrayPool<byte>.Shared.Rent(lead + UsualRead);
        var read = await ReadAsync(upstream, buffer.AsMemory(lead), watch);
        if (read > 0)
        {
            Pass(tap, buffer.AsSpan(0, lead + read), out var length);
            tap.Filter(buffer.AsSpan(0, length), output);
        }

        // Where the read failed it may still write into the buffer, which is then the collector's.
        ArrayPool<byte>.Shared.Return(buffer);
        return read;
    }

    private static async ValueTask<int> ReadAsync(Stream upstream, Memory<byte> memory, CallWatch watch)
    {
        var reading = upstream.ReadAsync(memory, watch.Token);
        if (reading.IsCompleted)
        {
            return await reading;
        }

        watch.BeginWait();
        var read = await reading;
        watch.EndWait();
        return read;
    }

    private static void Pass(ResponseTap tap, Span<byte> bytes, out int length)
    {
        if (!tap.TryPass(bytes, out length))
        {
            throw new IOException("The provider's answer contained the user's key.");
        }
    }

    /// <summary>A client that is gone ends the watch, and with it the next read.</summary>
    private static async ValueTask FlushAsync(PipeWriter output, CallWatch watch)
    {
        var flushing = output.FlushAsync(CancellationToken.None);
        var isWaited = !flushing.IsCompleted;
        if (isWaited)
        {
            watch.BeginFlush();
        }

        try
        {
            if ((await flushing).IsCompleted)
            {
                watch.Leave();
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            watch.Leave();
        }

        if (isWaited)
        {
            watch.EndFlush();
        }
    }
}
