using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Custody;

/// <summary>
/// The layout of a sealed record.
/// <code>
///   "TBK" | version (1) | algorithm (1) | KEK id (2 + n) | wrapped DEK (2 + n) | commitment (32) | nonce (12) | ciphertext | tag (16)
/// </code>
/// Version 2 leaves the KEK's id and the wrapped DEK out of the associated data, so that the DEK can be wrapped anew
/// without opening what it seals: the commitment, which is authenticated, says which DEK it must be. Version 1 had them in,
/// and knew no record key.
/// </summary>
internal readonly struct EnvelopeFormat
{
    public const byte BeforeRewrapping = 1;
    public const byte Newest = 2;
    public const int CommitmentSize = 32;
    public const int NonceSize = 12;
    public const int TagSize = 16;
    private const byte Aes256Gcm = 1;
    private const int PrefixSize = 5;

    private EnvelopeFormat(ReadOnlyMemory<byte> record, byte version, WrappedKey wrapped, int headerSize) =>
        (Record, Version, Wrapped, HeaderSize) = (record, version, wrapped, headerSize);

    public ReadOnlyMemory<byte> Record { get; }

    public byte Version { get; }

    public WrappedKey Wrapped { get; }

    public ReadOnlySpan<byte> Commitment => Record.Span[(HeaderSize - CommitmentSize)..HeaderSize];

    public ReadOnlySpan<byte> Nonce => Record.Span.Slice(HeaderSize, NonceSize);

    public ReadOnlySpan<byte> Ciphertext => Record.Span[(HeaderSize + NonceSize)..^TagSize];

    public ReadOnlySpan<byte> Tag => Record.Span[^TagSize..];

    private int HeaderSize { get; }

    /// <exception cref="CryptographicException">The record is not an envelope of a known version, or cut short.</exception>
    public static EnvelopeFormat Read(ReadOnlyMemory<byte> record)
    {
        var span = record.Span;
        if (span.Length < PrefixSize || !span[..3].SequenceEqual("TBK"u8) || span[3] is not (BeforeRewrapping or Newest) || span[4] != Aes256Gcm)
        {
            throw new CryptographicException("The record is not an envelope of a known version.");
        }

        var at = PrefixSize;
        var kekId = ReadField(span, ref at);
        var wrapped = ReadField(span, ref at);
        var headerSize = at + CommitmentSize;
        return span.Length >= headerSize + NonceSize + TagSize
            ? new EnvelopeFormat(record, span[3], new WrappedKey(Encoding.UTF8.GetString(kekId), wrapped.ToArray()), headerSize)
            : throw new CryptographicException("The record is cut short.");
    }

    /// <summary>A record of the newest version whose commitment, nonce, ciphertext and tag are yet to be written.</summary>
    /// <returns>The record and where its commitment starts.</returns>
    public static (byte[] Record, int CommitmentAt) Make(WrappedKey wrapped, int ciphertextSize)
    {
        var kekId = Encoding.UTF8.GetBytes(wrapped.KekId);
        var commitmentAt = PrefixSize + 2 + kekId.Length + 2 + wrapped.Bytes.Length;
        var record = new byte[commitmentAt + CommitmentSize + NonceSize + ciphertextSize + TagSize];
        "TBK"u8.CopyTo(record);
        record[3] = Newest;
        record[4] = Aes256Gcm;
        var at = WriteField(record, PrefixSize, kekId);
        WriteField(record, at, wrapped.Bytes);
        return (record, commitmentAt);
    }

    /// <summary>The same record with its DEK wrapped anew.</summary>
    public byte[] WithWrappedKey(WrappedKey wrapped)
    {
        var (record, commitmentAt) = Make(wrapped, Ciphertext.Length);
        Record.Span[(HeaderSize - CommitmentSize)..].CopyTo(record.AsSpan(commitmentAt));
        return record;
    }

    /// <summary>What the ciphertext is authenticated with: each part of the binding with its length, then the header.</summary>
    public byte[] AssociatedData(EnvelopeBinding binding) => AssociatedData(
        binding, Version == BeforeRewrapping ? Record.Span[..HeaderSize] : [.. Record.Span[..PrefixSize], .. Commitment]);

    private static byte[] AssociatedData(EnvelopeBinding binding, ReadOnlySpan<byte> header)
    {
        using var data = new MemoryStream();
        Span<byte> length = stackalloc byte[4];
        foreach (var part in (ReadOnlySpan<string>)[binding.Owner, binding.RecordId, binding.Purpose])
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            data.Write(length);
            data.Write(bytes);
        }

        data.Write(header);
        return data.ToArray();
    }

    private static ReadOnlySpan<byte> ReadField(ReadOnlySpan<byte> record, ref int at)
    {
        if (record.Length < at + 2 || record.Length < at + 2 + BinaryPrimitives.ReadUInt16BigEndian(record[at..]))
        {
            throw new CryptographicException("The record is cut short.");
        }

        var field = record.Slice(at + 2, BinaryPrimitives.ReadUInt16BigEndian(record[at..]));
        at += 2 + field.Length;
        return field;
    }

    private static int WriteField(byte[] record, int at, ReadOnlySpan<byte> field)
    {
        BinaryPrimitives.WriteUInt16BigEndian(record.AsSpan(at), checked((ushort)field.Length));
        field.CopyTo(record.AsSpan(at + 2));
        return at + 2 + field.Length;
    }
}
