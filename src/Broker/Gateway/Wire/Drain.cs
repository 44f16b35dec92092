using System.Buffers;

namespace TokenBroker.Gateway;

/// <summary>How far an answer is read on that nobody waits for any more.</summary>
/// <param name="Milliseconds">From when the client left.</param>
/// <param name="Bytes">From where the client left.</param>
/// <param name="Stopping">The program stops, and nothing is read on.</param>
internal sealed record DrainLimits(long Milliseconds, long Bytes, CancellationToken Stopping);

/// <summary>
/// Reads the rest of an answer for the usage at its end, and keeps nothing of it. The watch ends this as it ends any call:
/// when the grant is cut, the provider is silent, the time is up or the program stops.
/// </summary>
internal static class Drain
{
    private const int Size = 16 * 1024;

    /// <exception cref="IOException">The provider's side broke.</exception>
    /// <exception cref="OperationCanceledException">The watch has ended the call, or the answer is longer than the limit.</exception>
    public static async Task RunAsync(Stream upstream, ResponseTap tap, CallWatch watch)
    {
        var left = watch.MostDrained;
        var buffer = ArrayPool<byte>.Shared.Rent(tap.Lead + Size);
        while (left > 0)
        {
            var lead = tap.Lead;
            watch.BeginWait();
            var read = await upstream.ReadAsync(buffer.AsMemory(lead, (int)Math.Min(left, buffer.Length - lead)), watch.Token);
            watch.EndWait();
            if (read == 0)
            {
                tap.CompleteUnread();

                // Where a read fails it may still write into the buffer, which is then the collector's.
                ArrayPool<byte>.Shared.Return(buffer);
                return;
            }

            left -= read;
            if (!tap.TryPass(buffer.AsSpan(0, lead + read), out _))
            {
                throw new IOException("The provider's answer contained the user's key.");
            }
        }

        watch.EndBy(CallEnd.ClientLeft);
        throw new OperationCanceledException("The client left, and the answer is not read any further.");
    }
}
