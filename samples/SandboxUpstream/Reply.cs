using System.Text;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>What the sandbox says. The same question always gets the same words, so a test can expect them.</summary>
public static class Reply
{
    private const int LongestEcho = 240;
    private const string Ending = "This is the sandbox: no model was asked and nothing was spent.";

    /// <summary>
    /// The answer to <paramref name="asked"/>, the last thing that the user said: magic words are left out, white space
    /// is folded, and a long text is cut.
    /// </summary>
    public static string To(string asked)
    {
        var said = string.Join(' ', MagicWords.Strip(asked).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        if (said.Length == 0)
        {
            return $"You said nothing. {Ending}";
        }

        var end = said[^1] is '.' or '!' or '?' ? "" : ".";
        return said.Length > LongestEcho ? $"You said: {said[..LongestEcho].TrimEnd()}… {Ending}" : $"You said: {said}{end} {Ending}";
    }

    /// <summary>A text of exactly <paramref name="pieces"/> stream pieces.</summary>
    internal static string Of(int pieces)
    {
        var text = new StringBuilder();
        for (var piece = 1; piece <= pieces; piece++)
        {
            text.Append(piece == 1 ? "word1" : $" word{piece}");
        }

        return text.ToString();
    }

    /// <summary>Splits a text into the pieces that a stream carries: a word with the space before it. Joined, they are the text.</summary>
    public static IEnumerable<string> Pieces(string text)
    {
        var start = 0;
        while (start < text.Length)
        {
            var end = text.IndexOf(' ', start + 1);
            end = end < 0 ? text.Length : end;
            yield return text[start..end];
            start = end;
        }
    }
}
