using System.Buffers;
using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Gateway;

/// <summary>
/// Watches an answer for the user's key as its bytes go by, across the borders of chunks and in constant memory: held
/// back is only a tail that may be the beginning of the key. A provider that quotes the key in an answer must not
/// thereby give it to the app.
/// </summary>
internal sealed class KeyGuard(string key)
{
    private readonly byte[] _key = Encoding.UTF8.GetBytes(key);
    private readonly ArrayBufferWriter<byte> _joined = new();

    // What is held back is always a beginning of the key, so its length says it all.
    private int _held;

    /// <summary>What was held back when the answer ended: no key, after all.</summary>
    public ReadOnlyMemory<byte> Rest => _key.AsMemory(0, _held).ToArray();

    /// <summary>Takes the next bytes; what may be passed on is valid until the next turn.</summary>
    /// <returns>False where the key stands in them: nothing more may be passed on.</returns>
    public bool TryPass(ReadOnlyMemory<byte> bytes, out ReadOnlyMemory<byte> passed)
    {
        passed = default;
        if (_held > 0)
        {
            _joined.ResetWrittenCount();
            _joined.Write(_key.AsSpan(0, _held));
            _joined.Write(bytes.Span);
            bytes = _joined.WrittenMemory;
        }

        if (bytes.Span.IndexOf(_key) >= 0)
        {
            _held = 0;
            return false;
        }

        _held = BeginningAtEnd(bytes.Span);
        passed = bytes[..^_held];
        return true;
    }

    /// <summary>Clears what was copied of the key.</summary>
    public void Clear()
    {
        CryptographicOperations.ZeroMemory(_key);
        _joined.Clear();
        _held = 0;
    }

    /// <summary>How many of the last bytes are a beginning of the key.</summary>
    private int BeginningAtEnd(ReadOnlySpan<byte> bytes)
    {
        var tail = bytes[^Math.Min(bytes.Length, _key.Length - 1)..];
        int at;
        while ((at = tail.IndexOf(_key[0])) >= 0)
        {
            tail = tail[at..];
            if (_key.AsSpan().StartsWith(tail))
            {
                return tail.Length;
            }

            tail = tail[1..];
        }

        return 0;
    }
}
