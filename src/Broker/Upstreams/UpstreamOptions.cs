namespace TokenBroker.Upstreams;

/// <summary>One entry of section <c>Upstreams</c>, keyed by the upstream's id. The defaults are embedded: see openai.json.</summary>
internal sealed class UpstreamOptions
{
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

    /// <summary>How long the provider may stay silent before the call counts as dead. Reasoning models think for minutes.</summary>
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>The models that the consent page offers to choose from.</summary>
    public IList<string> SuggestedModels { get; } = [];

    /// <summary>Keyed by capability: <c>chat</c> becomes the scope <c>openai:chat</c>.</summary>
    public IDictionary<string, CapabilityOptions> Capabilities { get; } = new Dictionary<string, CapabilityOptions>();

    public IList<OperationOptions> Operations { get; } = [];
}

/// <summary>How the key is put on a request.</summary>
internal sealed class CredentialOptions
{
    public string Header { get; set; } = "Authorization";

    public string Prefix { get; set; } = "Bearer ";
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

    /// <summary>Below the base URL; <c>{model}</c> stands for one segment that names a model.</summary>
    public string Path { get; set; } = "";

    public string Capability { get; set; } = "";

    public BodyKind Body { get; set; }

    public OperationKind Kind { get; set; }
}

internal enum BodyKind
{
    None,
    Json,
    Multipart,
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

    /// <summary>A WebSocket, on which responses are charged one by one.</summary>
    Realtime,
}
