using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>A response that the provider works on, or was asked for: what is claimed for it, and what has come of it.</summary>
internal sealed class OpenResponse(Claim claim, Conversation conversation, long mostOutput, long began)
{
    /// <summary>About what a model writes or speaks.</summary>
    private const int TokensOfSecond = 50;

    /// <summary>Base64 of the usual sound, 24,000 samples of two bytes a second, of which 20 tokens are made.</summary>
    private const int CharsOfAudioToken = 3_200;
    private long _audioChars;
    private long _pieces;

    public Claim Claim => claim;

    public long Began => began;

    /// <summary>The provider's name for it, once it has one.</summary>
    public string? Id { get; set; }

    public void Add(ServerEvent piece)
    {
        _pieces += piece.IsAudioDelta ? 0 : 1;
        _audioChars += piece.IsAudioDelta ? piece.DeltaBytes : 0;
    }

    /// <summary>By what came and by how long it took, whichever is more: leaving early is not a way round the budget.</summary>
    public TokenUsage Estimate(ModelPrice price, TimeSpan elapsed, bool isWhole)
    {
        var seen = _pieces + (_audioChars / CharsOfAudioToken);
        var unseen = isWhole ? 0 : (long)(elapsed.TotalSeconds * TokensOfSecond);
        return conversation.Estimate(price, Math.Min(Math.Max(seen, unseen), mostOutput), _audioChars > 0);
    }
}
