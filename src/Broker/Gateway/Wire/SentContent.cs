using System.Buffers;
using System.Net;

namespace TokenBroker.Gateway;

/// <summary>
/// The body on its way to the provider. It is written once and throws at a second time: the client below would send a
/// call again on another connection where it deems that safe, and what was sent once may have been worked on. What is in
/// memory is let go of when it is written, so that an open stream does not hold its question.
/// </summary>
internal sealed class SentContent : HttpContent
{
    private const int CopySize = 16 * 1024;
    private readonly Call _call;
    private readonly CallWatch _watch;
    private readonly TaskCompletionSource? _ended;
    private readonly long? _length;
    private OutgoingBody? _body;

    public SentContent(Call call, OutgoingBody body, string? contentType, CallWatch watch)
    {
        (_call, _body, _watch, _length) = (call, body, watch, body.Length);
        _ended = body.Stream is null ? null : new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (contentType is not null)
        {
            Headers.TryAddWithoutValidation("Content-Type", contentType);
        }
    }

    /// <summary>What the client's side of a streamed body broke with; null while it is the provider's that counts.</summary>
    public Exception? ClientFault { get; private set; }

    /// <summary>Completed once nothing reads the client's body any more.</summary>
    public Task Ended => _ended is not null && _call.Sent ? _ended.Task : Task.CompletedTask;

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        var body = Interlocked.Exchange(ref _body, null) ?? throw new IOException("A call is sent once.");
        _call.Sent = true;
        if (body.Stream is not null)
        {
            await CopyAsync(body.Stream, stream, cancellationToken);
            return;
        }

        // Where this fails, the buffer may still be in use below: then it is left to the collector.
        await stream.WriteAsync(body.Bytes, cancellationToken);
        body.GiveBack();
    }

    protected override bool TryComputeLength(out long length)
    {
        length = _length.GetValueOrDefault();
        return _length is not null;
    }

    /// <summary>The provider's clock stands while the client is waited for, whose own pace Kestrel watches.</summary>
    private async Task CopyAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(CopySize);
        try
        {
            int read;
            while ((read = await ReadAsync(from, buffer, cancellationToken)) > 0)
            {
                _watch.BeginWait();
                await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            }

            _watch.BeginWait();
            ArrayPool<byte>.Shared.Return(buffer);
        }
        finally
        {
            _ended!.TrySetResult();
        }
    }

    private async ValueTask<int> ReadAsync(Stream from, byte[] buffer, CancellationToken cancellationToken)
    {
        _watch.EndWait();
        try
        {
            return await from.ReadAsync(buffer, cancellationToken);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            ClientFault = exception;
            throw;
        }
    }
}
