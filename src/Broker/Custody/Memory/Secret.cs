using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TokenBroker.Custody;

/// <summary>
/// The one type that holds an upstream key or a data key in the clear. The bytes live in a pinned array, which the
/// collector does not copy, and are zeroed on disposal. It never converts, prints, serialises or compares by accident:
/// every use in the clear goes through <see cref="Reveal"/>, which is easy to search for.
/// </summary>
[JsonConverter(typeof(RefuseToSerialise))]
internal sealed class Secret : IDisposable
{
    private readonly byte[] _bytes;
    private bool _cleared;

    /// <summary>Copies the bytes; the caller clears its own copy.</summary>
    public Secret(ReadOnlySpan<byte> bytes)
    {
        _bytes = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(_bytes);
    }

    public int Length => _bytes.Length;

    /// <summary>A fresh random one.</summary>
    public static Secret Random(int size)
    {
        var secret = new Secret(new byte[size]);
        RandomNumberGenerator.Fill(secret._bytes);
        return secret;
    }

    /// <summary>Takes over what a form posted. The string itself stays with the runtime until it is collected.</summary>
    public static Secret FromText(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        try
        {
            return new Secret(bytes);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>Hands the bytes to the reader, under a lock, so that they cannot be zeroed half-way through.</summary>
    /// <exception cref="ObjectDisposedException">The secret was cleared.</exception>
    public T Reveal<T>(Func<ReadOnlySpan<byte>, T> reader)
    {
        lock (_bytes)
        {
            ObjectDisposedException.ThrowIf(_cleared, this);
            return reader(_bytes);
        }
    }

    /// <summary>Copies the bytes to where the caller clears them.</summary>
    /// <exception cref="ObjectDisposedException">The secret was cleared.</exception>
    public void CopyTo(Span<byte> destination)
    {
        lock (_bytes)
        {
            ObjectDisposedException.ThrowIf(_cleared, this);
            _bytes.CopyTo(destination);
        }
    }

    /// <summary>The secret as the string that an HTTP header needs. It lives until it is collected: one per call.</summary>
    public string RevealText() => Reveal(static bytes => Encoding.UTF8.GetString(bytes));

    public void Dispose()
    {
        lock (_bytes)
        {
            _cleared = true;
            CryptographicOperations.ZeroMemory(_bytes);
        }
    }

    public override string ToString() => "REDACTED";

    private sealed class RefuseToSerialise : JsonConverter<Secret>
    {
        public override Secret Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
            throw new NotSupportedException("A secret is never read from JSON.");

        public override void Write(Utf8JsonWriter writer, Secret value, JsonSerializerOptions options) =>
            throw new NotSupportedException("A secret is never serialised.");
    }
}
