using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>A transcript that was written, or may have been.</summary>
internal readonly record struct Transcript(string Model, Claim Claim, ModelPrice Price, TokenUsage Tokens);

/// <summary>
/// What is claimed for transcripts of what the app says, which another model writes, at its own price. A claim grows with
/// the sound in the buffer, belongs to an item once that is committed, and ends with the item's transcript.
/// </summary>
internal sealed class Transcripts(SessionTerms terms)
{
    private readonly Dictionary<string, Sound> _items = [];
    private Sound _buffer = new("", 0, null);

    /// <returns>False where the budget does not hold it, or the model is no longer allowed.</returns>
    public async ValueTask<bool> GrowAsync(long audioChars, string model, SessionPurse purse, CancellationToken cancellationToken)
    {
        if (audioChars == 0 || model.Length == 0)
        {
            return true;
        }

        var chars = _buffer.Chars + audioChars;
        if (terms.PriceOf(model, OperationKind.Transcription) is not { } price
            || await Claim.GrowAsync(_buffer.Claim, price.CostOf(Conversation.TranscriptOf(chars, price)), purse, cancellationToken) is not { } claim)
        {
            return false;
        }

        _buffer = new Sound(model, chars, claim);
        return true;
    }

    /// <returns>What is to be settled; null for all events but a transcript's end.</returns>
    public Transcript? Hear(ServerEvent told)
    {
        switch (told.Type)
        {
            case "input_audio_buffer.committed" when told.ItemId is { } item && _buffer.Claim is not null:
                _items[item] = _buffer;
                _buffer = new Sound("", 0, null);
                return null;
            case "input_audio_buffer.cleared":
                _buffer.Claim?.Release();
                _buffer = new Sound("", 0, null);
                return null;
            case "conversation.item.input_audio_transcription.failed" when _items.Remove(told.ItemId ?? "", out var failed):
                failed.Claim?.Release();
                return null;
            case "conversation.item.input_audio_transcription.completed" when _items.Remove(told.ItemId ?? "", out var heard) && PriceOf(heard) is { } price:
                return new Transcript(heard.Model, heard.Claim!, price, told.Usage ?? Conversation.TranscriptOf(heard.Chars, price));
            default:
                return null;
        }
    }

    /// <summary>What was committed, and may have been written down: at what was claimed for it.</summary>
    public List<Transcript> TakeOpen()
    {
        var open = new List<Transcript>();
        foreach (var sound in _items.Values)
        {
            if (PriceOf(sound) is { } price)
            {
                open.Add(new Transcript(sound.Model, sound.Claim!, price, Conversation.TranscriptOf(sound.Chars, price)));
            }
        }

        _items.Clear();
        return open;
    }

    public void Release()
    {
        _buffer.Claim?.Release();
        _items.Values.ToList().ForEach(sound => sound.Claim?.Release());
        _items.Clear();
        _buffer = new Sound("", 0, null);
    }

    private ModelPrice? PriceOf(Sound sound) => terms.PriceAnyway(sound.Model);

    private readonly record struct Sound(string Model, long Chars, Claim? Claim);
}
