namespace TokenBroker.Safety;

/// <summary>Section <c>Safety</c>.</summary>
internal sealed class SafetyOptions
{
    /// <summary>The upstreams whose chat and responses know <c>safety_identifier</c>; <c>openai</c> if not given.</summary>
    public string[]? IdentifierUpstreams { get; set; }

    public bool Names(string upstreamId) => (IdentifierUpstreams ?? ["openai"]).Contains(upstreamId, StringComparer.Ordinal);
}
