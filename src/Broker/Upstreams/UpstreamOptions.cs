namespace TokenBroker.Upstreams;

/// <summary>One entry of section <c>Upstreams</c>, keyed by the upstream's id. The defaults are embedded: see openai.json.</summary>
internal sealed class UpstreamOptions
{
    /// <summary>False for one that is listed and not used.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>
    /// The embedded upstream whose every setting this one takes over that it does not give itself: <c>openai</c> for a
    /// compatible host, or <c>anthropic</c>.
    /// </summary>
    public string Like { get; set; } = "";

    /// <summary>The capabilities that it has, of those that it takes over; empty for all of them.</summary>
    public IList<string> Only { get; } = [];

    public string Name { get; set; } = "";

    /// <summary>Where keys go, and nowhere else. https, or http on loopback; no trailing slash.</summary>
    public string BaseUrl { get; set; } = "";

    /// <summary>The provider's page that makes a key.</summary>
    public string KeyPage { get; set; } = "";

    /// <summary>What a key of this provider starts with; a hint for the form, empty for none.</summary>
    public string KeyPrefix { get; set; } = "";

    /// <summary>A GET that costs nothing and tells a live key from a dead one.</summary>
    public string KeyCheckPath { get; set; } = "/models";

    public CredentialOptions Credential { get; set; } = new();

    /// <summary>Headers that every request to it carries, such as the version of its API. Never a credential.</summary>
    public IDictionary<string, string> Headers { get; } = new Dictionary<string, string>();

    /// <summary>The id of the price list that it is charged by; empty for the one that is called like the upstream.</summary>
    public string PriceList { get; set; } = "";

    /// <summary>How it reports usage.</summary>
    public UsageShape Usage { get; set; }

    /// <summary>
    /// The service tiers that a call may be served in which leaves the choice to the provider, separated by spaces: what the
    /// accounts of the keys may have as their own default. Its budget must hold the dearest of them. The default for OpenAI
    /// is <c>default priority</c>: an account's setting is not known here.
    /// </summary>
    public string AutoTiers { get; set; } = "";

    /// <summary>How long the provider may stay silent before the call counts as dead. Reasoning models think for minutes.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The models that the consent page offers to choose from.</summary>
    public IList<string> SuggestedModels { get; } = [];

    /// <summary>Keyed by capability: <c>chat</c> becomes the scope <c>openai:chat</c>.</summary>
    public IDictionary<string, CapabilityOptions> Capabilities { get; } = new Dictionary<string, CapabilityOptions>();

    public IList<OperationOptions> Operations { get; } = [];

    /// <summary>Denied operations that carry a capability and are forwarded all the same, by name.</summary>
    public IList<string> Allow { get; } = [];

    /// <summary>
    /// What one call costs at most, in micro-dollars, by the name of an operation whose kind is
    /// <see cref="OperationKind.Unpriced"/>. A call reserves it and is charged it; without one there is no such call.
    /// </summary>
    public IDictionary<string, long> CeilingMicros { get; } = new Dictionary<string, long>();
}

/// <summary>How the key is put on a request.</summary>
internal sealed class CredentialOptions
{
    public string Header { get; set; } = "Authorization";

    /// <summary>What stands before the key; without it, <c>Bearer </c> in Authorization and nothing elsewhere.</summary>
    public string? Prefix { get; set; }
}

/// <summary>The words of a scope at consent.</summary>
internal sealed class CapabilityOptions
{
    public string Title { get; set; } = "";

    public string Sentence { get; set; } = "";
}

internal sealed class OperationOptions
{
    /// <summary>As usage and logs name it, such as <c>chat.completions</c>.</summary>
    public string Name { get; set; } = "";

    public string Method { get; set; } = "";

    /// <summary>
    /// Below the base URL. <c>{model}</c> stands for one segment that names a model, <c>{file}</c> for one that names an
    /// object of the kind <c>file</c>. What is denied may end in <c>/**</c>, for everything there and below, or in a
    /// query such as <c>?beta=true</c>.
    /// </summary>
    public string Path { get; set; } = "";

    public string Capability { get; set; } = "";

    public BodyKind Body { get; set; }

    public OperationKind Kind { get; set; }

    /// <summary>The query parameters that it takes, separated by spaces; a name that ends in <c>[]</c> may come more than once.</summary>
    public string Query { get; set; } = "";

    /// <summary>
    /// What objects its answer tells of that belong to the caller from then on: <c>id=file</c> says that the member
    /// <c>id</c> names a <c>file</c>, <c>file.id=file</c> that the one inside <c>file</c> does. Several are separated by spaces.
    /// </summary>
    public string Creates { get; set; } = "";

    /// <summary>The kind of the objects that it lists; the list shows the caller's own alone.</summary>
    public string Lists { get; set; } = "";

    /// <summary>Whether it can reach what other apps made in a way that cannot be checked, so that it takes the scope <c>account</c> as well.</summary>
    public bool NeedsAccount { get; set; }

    /// <summary>Why it is not forwarded; empty for what is.</summary>
    public string Denied { get; set; } = "";
}

internal enum BodyKind
{
    None,
    Json,

    /// <summary>multipart/form-data, read whole before it is sent.</summary>
    Multipart,
    JsonOrMultipart,

    /// <summary>multipart/form-data with a file of any size, which is passed on as it arrives.</summary>
    Upload,
    JsonOrUpload,
}

/// <summary>What rules a request's body must keep and how its cost is bounded: see the gateway's request rules.</summary>
internal enum OperationKind
{
    Free,
    Chat,
    Completion,
    Response,
    Embedding,
    Image,
    Speech,
    Transcription,

    /// <summary>What costs money by a measure that this broker does not know: see <see cref="UpstreamOptions.CeilingMicros"/>.</summary>
    Unpriced,

    /// <summary>Anthropic's Messages.</summary>
    Message,

    /// <summary>A WebSocket, on which responses are charged one by one.</summary>
    Realtime,

    /// <summary>A file of calls that the provider makes later: each of its lines is a call of its own.</summary>
    Batch,
}
