using System.Buffers;

namespace TokenBroker.Gateway;

/// <summary>Reads a file of lines as it comes, in the memory of its longest line. Both that and the whole are bounded.</summary>
/// <param name="stream">The file.</param>
/// <param name="longest">The most bytes of one line.</param>
/// <param name="most">The most bytes of all.</param>
internal sealed class LineReader(Stream stream, int longest, long most) : IDisposable
{
    private const int FirstSize = 64 * 1024;

    private byte[] _buffer = ArrayPool<byte>.Shared.Rent(FirstSize);
    private int _start;
    private int _end;
    private long _read;
    private bool _isOver;

    /// <returns>The next line without its end, good until the next call; null behind the last.</returns>
    /// <exception cref="InvalidDataException">The file or a line of it is larger than the bound.</exception>
    public async ValueTask<ReadOnlyMemory<byte>?> NextAsync(CancellationToken cancellationToken)
    {
        var looked = 0;
        while (true)
        {
            var here = _buffer.AsMemory(_start, _end - _start);
            var at = here.Span[looked..].IndexOf((byte)'\n');
            if (at >= 0)
            {
                _start += looked + at + 1;
                return Trim(here[..(looked + at)]);
            }

            if (_isOver)
            {
                _start = _end;
                if (here.IsEmpty)
                {
                    // Said as a statement: in an expression with a memory, null becomes an empty one.
                    return null;
                }

                return Trim(here);
            }

            looked = here.Length;
            await FillAsync(cancellationToken);
        }
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_buffer);

    private static ReadOnlyMemory<byte> Trim(ReadOnlyMemory<byte> line) => line.Span is [.., (byte)'\r'] ? line[..^1] : line;

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        if (_end == _buffer.Length)
        {
            var length = _end - _start;
            if (length > longest)
            {
                throw new InvalidDataException("A line is too long.");
            }

            var larger = _start > 0 ? _buffer : ArrayPool<byte>.Shared.Rent(2 * _buffer.Length);
            _buffer.AsSpan(_start, length).CopyTo(larger);
            if (larger != _buffer)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
                _buffer = larger;
            }

            (_start, _end) = (0, length);
        }

        var read = await stream.ReadAsync(_buffer.AsMemory(_end), cancellationToken);
        _isOver = read == 0;
        _end += read;
        _read += read;
        if (_read > most)
        {
            throw new InvalidDataException("The file is too large.");
        }
    }
}
