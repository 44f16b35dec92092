namespace TokenBroker.Safety;

/// <summary>What a moderation endpoint is to look at: everything that people or programs wrote into a call, whatever its role.</summary>
internal sealed class Prompt
{
    /// <summary>The provider asks for pieces that are not long; longer ones are judged less well.</summary>
    public const int LongestPiece = 4_000;

    /// <summary>What two neighbours share, so that a sentence on their border is read whole.</summary>
    public const int Overlap = 200;

    private readonly HashSet<string> _pieces = new(StringComparer.Ordinal);
    private readonly HashSet<string> _images = new(StringComparer.Ordinal);

    /// <summary>Each once, however often it appears.</summary>
    public IReadOnlyCollection<string> Pieces => _pieces;

    /// <summary>Addresses, those of <c>data:</c> included.</summary>
    public IReadOnlyCollection<string> Images => _images;

    public void AddText(string text)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            return;
        }

        for (var start = 0; ;)
        {
            var end = Math.Min(text.Length, start + LongestPiece);
            end -= end < text.Length && char.IsHighSurrogate(text[end - 1]) ? 1 : 0;
            _pieces.Add(text[start..end]);
            if (end == text.Length)
            {
                return;
            }

            start = end - Overlap;
            start -= char.IsLowSurrogate(text[start]) ? 1 : 0;
        }
    }

    public void AddImage(string address) => _images.Add(address);
}
