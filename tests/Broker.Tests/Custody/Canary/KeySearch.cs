using System.Buffers;
using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Tests.Custody.Canary;

/// <summary>
/// Finds a key, or any twelve characters in a row of its secret part, in bytes: as it is, backwards, in UTF-16, hex,
/// base64 at each of the three alignments, base64url, percent-encoded and as JSON escapes; inside gzip as well.
/// </summary>
internal sealed class KeySearch
{
    public const int PartLength = 12;
    private const string Alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    private readonly SearchValues<string> _needles;
    private readonly Dictionary<string, string> _forms = new(StringComparer.Ordinal);

    public KeySearch(string key)
    {
        var secret = key[(key.LastIndexOf('-') + 1)..];
        for (var at = 0; at + PartLength <= secret.Length; at++)
        {
            foreach (var (form, text) in FormsOf(secret.Substring(at, PartLength)))
            {
                _forms.TryAdd(text, form);
            }
        }

        _needles = SearchValues.Create([.. _forms.Keys], StringComparison.Ordinal);
    }

    /// <summary>A key of the provider's shape whose secret part has forty random characters.</summary>
    public static string NewKey(string kind = "canary") => $"sk-{kind}-{RandomNumberGenerator.GetString(Alphabet, 40)}";

    /// <summary>How the key stands in these bytes.</summary>
    /// <returns>Null where it does not.</returns>
    public string? Find(ReadOnlySpan<byte> bytes)
    {
        // One char a byte, so that needles of any kind are found in binary files too.
        var text = Encoding.Latin1.GetString(bytes);
        var at = text.AsSpan().IndexOfAny(_needles);
        if (at >= 0)
        {
            return _forms.First(form => text.AsSpan(at).StartsWith(form.Key, StringComparison.Ordinal)).Value;
        }

        return bytes.Length > 2 && bytes[0] == 0x1f && bytes[1] == 0x8b && Find(Unzip(bytes)) is { } inside ? "gzip of " + inside : null;
    }

    public static IEnumerable<(string Form, string Text)> FormsOf(string part)
    {
        var bytes = Encoding.UTF8.GetBytes(part);
        yield return ("plain", part);
        yield return ("reversed", new string([.. part.Reverse()]));
        yield return ("UTF-16", Encoding.Latin1.GetString(Encoding.Unicode.GetBytes(part)));
        yield return ("hex", Convert.ToHexStringLower(bytes));
        yield return ("HEX", Convert.ToHexString(bytes));
        yield return ("URL", string.Concat(bytes.Select(b => $"%{b:X2}")));
        yield return ("url", string.Concat(bytes.Select(b => $"%{b:x2}")));
        yield return ("JSON", string.Concat(part.Select(c => $"\\u{(int)c:X4}")));
        yield return ("json", string.Concat(part.Select(c => $"\\u{(int)c:x4}")));
        for (var shift = 0; shift < 3; shift++)
        {
            // The characters at the edges depend on the neighbours; those between do not.
            var whole = Convert.ToBase64String([.. new byte[shift], .. bytes, .. new byte[3]]);
            var from = shift == 0 ? 0 : 4;
            var middle = whole[from..((shift + bytes.Length) / 3 * 4)];
            yield return ($"base64 at {shift}", middle);
            yield return ($"base64url at {shift}", middle.Replace('+', '-').Replace('/', '_'));
        }
    }

    private static byte[] Unzip(ReadOnlySpan<byte> bytes)
    {
        using var inner = new GZipStream(new MemoryStream(bytes.ToArray()), CompressionMode.Decompress);
        using var plain = new MemoryStream();
        try
        {
            inner.CopyTo(plain);
        }
        catch (InvalidDataException)
        {
            // What came before it broke off is searched.
        }

        return plain.ToArray();
    }
}
