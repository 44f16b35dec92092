using System.Buffers;

namespace TokenBroker.Gateway;

/// <summary>
/// The body that is sent to the provider in place of the one that came: bytes that were read and perhaps edited, a
/// stream that is passed on as it arrives, or none.
/// </summary>
internal sealed class OutgoingBody
{
    private byte[]? _rented;

    private OutgoingBody(ReadOnlyMemory<byte> bytes, Stream? stream, long? length) => (Bytes, Stream, Length) = (bytes, stream, length);

    public static OutgoingBody None { get; } = new(default, null, 0);

    /// <summary>Empty where the body is a stream, or none.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private set; }

    /// <summary>Read once, from where it stands; null where the body is in <see cref="Bytes"/>.</summary>
    public Stream? Stream { get; }

    /// <summary>In bytes; null for a stream whose end is not known before it comes.</summary>
    public long? Length { get; }

    public static OutgoingBody Of(ReadOnlyMemory<byte> bytes) => bytes.IsEmpty ? None : new(bytes, null, bytes.Length);

    /// <summary>Bytes at the beginning of an array of the shared pool, which is given back once they are sent.</summary>
    public static OutgoingBody OfRented(byte[] rented, int length)
    {
        if (length > 0)
        {
            return new(rented.AsMemory(0, length), null, length) { _rented = rented };
        }

        ArrayPool<byte>.Shared.Return(rented);
        return None;
    }

    public static OutgoingBody Of(Stream stream, long? length) => new(default, stream, length);

    /// <summary>Nobody needs the bytes any more.</summary>
    public void GiveBack()
    {
        if (Interlocked.Exchange(ref _rented, null) is { } rented)
        {
            Bytes = default;
            ArrayPool<byte>.Shared.Return(rented);
        }
    }
}
