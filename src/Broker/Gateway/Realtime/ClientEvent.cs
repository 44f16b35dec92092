namespace TokenBroker.Gateway;

/// <summary>What the gateway must know of an event of the app's before it may go on.</summary>
/// <param name="Type">As it is documented.</param>
/// <param name="EventId">The app's own name for it, which the provider's refusal repeats.</param>
internal sealed record ClientEvent(string Type, string? EventId)
{
    public const string CreateResponse = "response.create";

    public bool CreatesResponse => Type == CreateResponse;

    /// <summary>True where the response stands beside the conversation: several of those may run at a time.</summary>
    public bool IsAside { get; init; }

    /// <summary>The most tokens of this response; null where it sets no limit of its own.</summary>
    public long? MaxOutput { get; init; }

    /// <summary>Null for events that do not change the session.</summary>
    public SessionChange? Change { get; init; }

    /// <summary>Bytes that may become text of a prompt: no text has more tokens than bytes.</summary>
    public long TextBytes { get; init; }

    /// <summary>Characters of base64 that are sound.</summary>
    public long AudioChars { get; init; }

    public int Images { get; init; }
}

/// <summary>What a session's settings say of its cost; of a change, what is not mentioned is null and stays.</summary>
/// <param name="RespondsByItself">True where the provider begins responses when it hears the end of speech.</param>
/// <param name="MaxOutput">The most tokens of a response; <see cref="long.MaxValue"/> for as many as the model has.</param>
/// <param name="Transcribes">The model that writes down what is said; empty for none.</param>
internal sealed record SessionChange(bool? RespondsByItself, long? MaxOutput, string? Transcribes);
