using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Gateway;

/// <summary>
/// Watches an answer for the user's key as its bytes go by, across the borders of chunks and without copying them: held
/// back is only a tail that may be the beginning of the key, and since it is one, its length says it all. Whoever reads
/// leaves room for it in front of the next bytes. A provider that quotes the key in an answer must not thereby give it
/// to the app.
/// </summary>
internal sealed class KeyGuard(string key)
{
    private readonly byte[] _key = Encoding.UTF8.GetBytes(key);

    /// <summary>How many bytes are held back.</summary>
    public int Held { get; private set; }

    /// <summary>Takes the next bytes, which stand behind room for those that are held back; these are put there first.</summary>
    /// <param name="bytes">The room and the next bytes.</param>
    /// <param name="length">How many of them, from the first, may be passed on.</param>
    /// <returns>False where the key stands in them: nothing more may be passed on.</returns>
    public bool TryPass(Span<byte> bytes, out int length)
    {
        PutHeld(bytes);
        if (bytes.IndexOf(_key) >= 0)
        {
            (Held, length) = (0, 0);
            return false;
        }

        Held = BeginningAtEnd(bytes);
        length = bytes.Length - Held;
        return true;
    }

    /// <summary>Writes what is held back: at the answer's end it was no key, after all.</summary>
    public void PutHeld(Span<byte> to) => _key.AsSpan(0, Held).CopyTo(to);

    /// <summary>Clears what was copied of the key.</summary>
    public void Clear()
    {
        CryptographicOperations.ZeroMemory(_key);
        Held = 0;
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
