using System.Text;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>
/// The sandbox's tokeniser: one token for every four bytes of UTF-8, rounded up. It is no real tokeniser,
/// but a test can work out every number of a usage block with it.
/// </summary>
public static class TokenCount
{
    /// <summary>Bytes of UTF-8 in one token.</summary>
    public const int BytesPerToken = 4;

    /// <summary>Tokens that an image part of a prompt costs.</summary>
    public const int PerImage = 85;

    /// <summary>Tokens of <paramref name="text"/>; 0 for an empty one.</summary>
    public static int Of(string text) => (Encoding.UTF8.GetByteCount(text) + BytesPerToken - 1) / BytesPerToken;

    /// <summary>The longest beginning of <paramref name="text"/> that costs no more than <paramref name="tokens"/>.</summary>
    internal static string Cut(string text, int tokens)
    {
        long left = Math.Max(0, (long)tokens) * BytesPerToken;
        var length = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            left -= rune.Utf8SequenceLength;
            if (left < 0)
            {
                break;
            }

            length += rune.Utf16SequenceLength;
        }

        return text[..length];
    }
}
