using System.IO.Pipelines;

namespace TokenBroker.Gateway;

/// <summary>
/// The pace that a client must keep with its body. The server judges the average alone, so that who sends much at once
/// and then next to nothing would hold a call's place and memory for hours. Here what counts is the waiting: in so long a
/// time of it as is given, a client has to send what the server's slowest pace would bring in that time. While nobody
/// waits for the client, as when the provider is slow, no time passes. What has come already costs nothing.
/// </summary>
/// <param name="body">The request's body.</param>
/// <param name="patience">How long a client may be waited for.</param>
/// <param name="time">The clock.</param>
internal sealed class ClientPace(PipeReader body, TimeSpan patience, TimeProvider time)
{
    private const long LeastPerSecond = 240;
    private readonly long _least = (long)(patience.TotalSeconds * LeastPerSecond);
    private TimeSpan _waited;
    private long _came;
    private volatile bool _isLate;

    /// <summary>Waits for the next part of the body.</summary>
    /// <exception cref="BadHttpRequestException">The body is none (400), or the client is too slow (408).</exception>
    public ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading) =>
        reading.IsCompletedSuccessfully ? reading : WaitAsync(reading, static result => result.Buffer.Length);

    /// <inheritdoc cref="WaitAsync(ValueTask{ReadResult})"/>
    public ValueTask<int> WaitAsync(ValueTask<int> reading) => reading.IsCompletedSuccessfully ? reading : WaitAsync(reading, static read => read);

    private async ValueTask<T> WaitAsync<T>(ValueTask<T> reading, Func<T, long> lengthOf)
    {
        var began = time.GetTimestamp();
        var left = patience - _waited;
        T result;
        try
        {
            await using (time.CreateTimer(static pace => ((ClientPace)pace!).GiveUp(), this, left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan))
            {
                result = await reading;
            }
        }
        catch (OperationCanceledException) when (_isLate)
        {
            throw TooSlow();
        }
        catch (IOException exception) when (exception is not BadHttpRequestException)
        {
            // The server throws more than one kind of exception at a body whose chunks are none.
            throw new BadHttpRequestException("The body could not be read.", exception);
        }

        if (_isLate)
        {
            throw TooSlow();
        }

        _waited += time.GetElapsedTime(began);
        _came += lengthOf(result);
        if (_came >= _least)
        {
            (_waited, _came) = (TimeSpan.Zero, 0);
        }

        return result;
    }

    private void GiveUp()
    {
        _isLate = true;
        body.CancelPendingRead();
    }

    private static BadHttpRequestException TooSlow() => new("The body came too slowly.", StatusCodes.Status408RequestTimeout);
}
