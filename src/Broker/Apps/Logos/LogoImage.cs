using System.Buffers.Binary;

namespace TokenBroker.Apps.Logos;

/// <summary>
/// What a file says of itself in its first bytes. A logo comes from strangers and is shown to others, so its type is
/// read from the bytes and never taken from the upload, only pictures without script are known (no SVG), and what is
/// large unpacked is found in the header, before any browser unpacks it.
/// </summary>
internal readonly record struct LogoImage(string ContentType, int Width, int Height)
{
    private static ReadOnlySpan<byte> PngSignature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <returns>Null for everything that is not a whole header of a PNG, JPEG or WebP.</returns>
    public static LogoImage? Read(ReadOnlySpan<byte> file) => Png(file) ?? Jpeg(file) ?? WebP(file);

    private static LogoImage? Png(ReadOnlySpan<byte> file) =>
        file.Length >= 33 && file.StartsWith(PngSignature) && file[12..16].SequenceEqual("IHDR"u8)
            ? Of("image/png", BinaryPrimitives.ReadUInt32BigEndian(file[16..]), BinaryPrimitives.ReadUInt32BigEndian(file[20..]))
            : null;

    /// <summary>Walks the segments to the frame header, which alone knows the size (ITU T.81, annex B).</summary>
    private static LogoImage? Jpeg(ReadOnlySpan<byte> file)
    {
        if (!file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
        {
            return null;
        }

        var at = 2;
        while (at + 9 <= file.Length && file[at] == 0xFF)
        {
            var marker = file[at + 1];
            if (marker == 0xFF)
            {
                at++;
                continue;
            }

            if (marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC))
            {
                return Of("image/jpeg", BinaryPrimitives.ReadUInt16BigEndian(file[(at + 7)..]), BinaryPrimitives.ReadUInt16BigEndian(file[(at + 5)..]));
            }

            if (marker is 0xDA or 0xD9 || BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]) < 2)
            {
                return null;
            }

            at += 2 + BinaryPrimitives.ReadUInt16BigEndian(file[(at + 2)..]);
        }

        return null;
    }

    /// <summary>RIFF with one of three kinds of first chunk (RFC 9649, section 2).</summary>
    private static LogoImage? WebP(ReadOnlySpan<byte> file)
    {
        if (file.Length < 30 || !file.StartsWith("RIFF"u8) || !file[8..12].SequenceEqual("WEBP"u8))
        {
            return null;
        }

        var chunk = file[12..16];
        if (chunk.SequenceEqual("VP8X"u8))
        {
            return Of("image/webp", Read24(file[24..]) + 1, Read24(file[27..]) + 1);
        }

        if (chunk.SequenceEqual("VP8L"u8) && file[20] == 0x2F)
        {
            var bits = BinaryPrimitives.ReadUInt32LittleEndian(file[21..]);
            return Of("image/webp", (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1);
        }

        return chunk.SequenceEqual("VP8 "u8) && file[23..26].SequenceEqual((ReadOnlySpan<byte>)[0x9D, 0x01, 0x2A])
            ? Of("image/webp", (uint)BinaryPrimitives.ReadUInt16LittleEndian(file[26..]) & 0x3FFF, (uint)BinaryPrimitives.ReadUInt16LittleEndian(file[28..]) & 0x3FFF)
            : null;
    }

    private static uint Read24(ReadOnlySpan<byte> bytes) => bytes[0] | ((uint)bytes[1] << 8) | ((uint)bytes[2] << 16);

    private static LogoImage? Of(string type, uint width, uint height) =>
        width is 0 or > int.MaxValue || height is 0 or > int.MaxValue ? null : new LogoImage(type, (int)width, (int)height);
}
