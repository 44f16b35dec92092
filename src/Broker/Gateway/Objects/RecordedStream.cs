using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// A provider's answer that tells of objects. A chunk that tells an id goes on once the object's owner is written down;
/// where that fails, the answer ends there, so that no app holds an object that nobody keeps from the others.
/// </summary>
internal sealed class RecordedStream(Stream upstream, IdScanner scanner, Func<PathId, Task> record) : Stream
{
    private const int MostObjects = 1_000;
    private readonly HashSet<string> _recorded = new(StringComparer.Ordinal);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = await upstream.ReadAsync(buffer, cancellationToken);
        scanner.Feed(buffer.Span[..read]);
        if (scanner.IsUnreadable)
        {
            throw new ObjectNotRecordedException("The provider told an id in a form that no id has.");
        }

        if (scanner.Found.Count > 0)
        {
            foreach (var found in scanner.Found)
            {
                if (_recorded.Add(found.Id))
                {
                    // A stream repeats its id in each event; one that tells ever new ones is none that we know.
                    if (_recorded.Count > MostObjects)
                    {
                        throw new ObjectNotRecordedException("The provider's answer tells of too many objects.");
                    }

                    await record(found);
                }
            }

            scanner.Found.Clear();
        }

        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("The answer is read asynchronously.");

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            upstream.Dispose();
        }

        base.Dispose(disposing);
    }
}
