namespace TokenBroker.Authorization;

/// <summary>A signing or encryption key of the authorization server; the private key is sealed by the KEK.</summary>
internal sealed class ServerKey
{
    public Guid Id { get; set; }

    /// <summary><c>sig</c> or <c>enc</c>, as in RFC 7517, section 4.2.</summary>
    public required string Use { get; set; }

    /// <summary>The PKCS#8 private key, wrapped.</summary>
    public required byte[] SealedPrivateKey { get; set; }

    public required string KekId { get; set; }

    public DateTime CreatedAt { get; set; }

    /// <summary>From when it signs; before that it is announced in the JWKS.</summary>
    public DateTime ActivatesAt { get; set; }

    /// <summary>Until when it validates what it signed; then it leaves the JWKS and its row goes.</summary>
    public DateTime ExpiresAt { get; set; }
}
