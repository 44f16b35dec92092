namespace TokenBroker.Sdk.Connecting;

/// <summary>A connect that has begun in this browser. Travels in a protected cookie; a class, so that it prints no members.</summary>
internal sealed class PendingConnect
{
    /// <summary>RFC 6749 section 10.12: ties the answer to this browser.</summary>
    public required string State { get; init; }

    /// <summary>RFC 7636 section 4.1.</summary>
    public required string Verifier { get; init; }

    public required string ReturnUrl { get; init; }

    public required string RedirectUri { get; init; }

    /// <summary>The app's user who began it, or null; another user must not finish it.</summary>
    public required string? UserId { get; init; }

    public required DateTimeOffset ExpiresAt { get; init; }
}
