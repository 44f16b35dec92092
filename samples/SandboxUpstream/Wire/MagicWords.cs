using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>
/// What a request asks of the sandbox itself, by words anywhere in its body: <c>[[fault:stall]]</c>, <c>[[events:200]]</c>.
/// They are read from the raw bytes, so they work in JSON and in multipart forms alike. Later ones win, and
/// <c>[[fault:none]]</c> forgets the faults before it, so that a chat with an old fault in its history can go on.
/// </summary>
internal sealed partial class MagicWords
{
    private const int LongestWord = 64;
    private const int MostEvents = 100_000;

    // Keeps every sum of a usage block inside an int, with the most choices that can be asked for.
    private const int MostTokens = 10_000_000;

    private readonly List<FaultKind> kinds = [];

    private int? after;

    /// <summary>The faults asked for, in order.</summary>
    public IEnumerable<Fault> Faults => kinds.Select(kind => after is { } events ? new Fault(kind) { AfterEvents = events } : new Fault(kind));

    /// <summary>How many pieces of text an answer has; null leaves it to the text.</summary>
    public int? Events { get; private set; }

    /// <summary>Pause between events; null leaves it to the settings.</summary>
    public TimeSpan? Delay { get; private set; }

    public int CachedTokens { get; private set; }

    public int ReasoningTokens { get; private set; }

    /// <summary>The service tier that the account prefers, for calls that leave it to the provider; null for the usual one.</summary>
    public string? Tier { get; private set; }

    /// <summary>The first word that has a known name and no usable value; a typing error must not pass as success.</summary>
    public string? Misspelt { get; private set; }

    public static MagicWords In(ReadOnlySpan<byte> body)
    {
        var words = new MagicWords();
        int start;
        while ((start = body.IndexOf("[["u8)) >= 0)
        {
            body = body[(start + 2)..];
            var end = body[..Math.Min(LongestWord, body.Length)].IndexOf("]]"u8);
            if (end > 0)
            {
                words.Read(Encoding.UTF8.GetString(body[..end]));
            }
        }

        return words;
    }

    /// <summary>A text without its magic words.</summary>
    public static string Strip(string text) => Word().Replace(text, "");

    private void Read(string word)
    {
        if (word.Split(':', 2) is not [var name, var value])
        {
            return;
        }

        var isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        switch (name)
        {
            case "fault" when value == "none": kinds.Clear(); break;
            case "fault" when SandboxUpstream.Faults.TryParse(value, out var kind): kinds.Add(kind.Value); break;
            case "events" when isNumber && number is > 0 and <= MostEvents: Events = number; break;
            case "delay" when isNumber: Delay = TimeSpan.FromMilliseconds(number); break;
            case "after" when isNumber: after = number; break;
            case "cached" when isNumber && number <= MostTokens: CachedTokens = number; break;
            case "reasoning" when isNumber && number <= MostTokens: ReasoningTokens = number; break;
            case "tier" when value is "default" or "flex" or "priority" or "scale" or "novel": Tier = value; break;
            case "tier" or "fault" or "events" or "delay" or "after" or "cached" or "reasoning": Misspelt ??= word; break;
        }
    }

    [GeneratedRegex(@"\[\[(fault|events|delay|after|cached|reasoning|tier|flag)(:[^\]]*)?\]\]", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Word();
}
