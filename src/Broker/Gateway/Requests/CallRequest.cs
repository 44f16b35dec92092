namespace TokenBroker.Gateway;

/// <summary>A change to a JSON body: at the offset, the removed bytes give way to the text.</summary>
internal readonly record struct BodyEdit(int Offset, int Removed, string Text);

/// <summary>
/// What the gateway must know of a request's body before it may be sent. Whatever cannot be read with certainty is a
/// refusal: the provider's parser must not see another model or limit than ours did.
/// </summary>
internal sealed class CallRequest
{
    private List<ObjectReference>? _references;
    private Few<BodyEdit> _edits;
    private Few<(int Offset, int Length)> _personAt;
    private Few<(int Offset, int Length)> _maxOutputAt;

    public string? Model { get; set; }

    public bool Stream { get; set; }

    /// <summary>The most output tokens that the client lets one answer have; null where it sets no limit.</summary>
    public long? MaxOutput { get; set; }

    /// <summary>How many answers are asked for, to each prompt.</summary>
    public long Answers { get; set; } = 1;

    /// <summary>How many prompts a legacy completion has.</summary>
    public long Prompts { get; set; } = 1;

    /// <summary>Bytes of an answer that the client predicts.</summary>
    public long PredictedBytes { get; set; }

    /// <summary>Pictures whose tokens the body's length does not bound.</summary>
    public int Images { get; set; }

    public bool HasAudio { get; set; }

    /// <summary>True where a document comes along, whose pages the body's length does not bound.</summary>
    public bool HasFile { get; set; }

    /// <summary>True where the answer is kept at the provider.</summary>
    public bool Stores { get; set; }

    /// <summary>The service tier that the client asks for; null where it leaves that to the provider.</summary>
    public string? Tier { get; set; }

    /// <summary>True where the provider goes on after it answered, and reports usage to no open call.</summary>
    public bool IsBackground { get; set; }

    /// <summary>A body that is passed on as it arrives; null for one that was read whole.</summary>
    public UploadStream? Upload { get; set; }

    /// <summary>The objects at the provider that the body names.</summary>
    public IReadOnlyList<ObjectReference> References => _references ?? [];

    /// <summary>Bytes of the body as the client sent it: no text has more tokens than bytes.</summary>
    public long Bytes { get; set; }

    /// <summary>True where the gateway asks for usage that the client did not ask for, and takes it out again.</summary>
    public bool HideUsage { get; set; }

    /// <summary>The offset behind the opening brace of a JSON body.</summary>
    public int AfterBrace { get; set; }

    public ref Few<BodyEdit> Edits => ref _edits;

    /// <summary>Where the client names the person (<c>user</c>, <c>safety_identifier</c>): the broker's own name for them goes there.</summary>
    public ref Few<(int Offset, int Length)> PersonAt => ref _personAt;

    public bool HasSafetyIdentifier { get; set; }

    /// <summary>Where the client's own output limits stand, so that a smaller one can be put in.</summary>
    public ref Few<(int Offset, int Length)> MaxOutputAt => ref _maxOutputAt;

    /// <summary>The list that <see cref="References"/> shows, to be added to.</summary>
    public List<ObjectReference> Named() => _references ??= [];
}
