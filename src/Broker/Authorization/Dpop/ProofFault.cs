namespace TokenBroker.Authorization.Dpop;

/// <summary>What is wrong with a DPoP proof; the set is closed. The messages tell the app's developer what to change.</summary>
/// <param name="Message">For people.</param>
internal sealed record ProofFault(string Message)
{
    /// <summary>True where the proof lacks a nonce of ours that is still good (RFC 9449, sections 8 and 9).</summary>
    public bool WantsNonce { get; private init; }

    /// <summary>The code of RFC 9449, section 12.2.</summary>
    public string Error => WantsNonce ? "use_dpop_nonce" : "invalid_dpop_proof";

    public static ProofFault Missing { get; } = new("A DPoP proof is needed: send a signed JWT in the header 'DPoP'.");

    public static ProofFault NotOne { get; } = new("Send exactly one DPoP header, of at most 8192 characters.");

    public static ProofFault Malformed { get; } = new(
        "The DPoP proof is not a compact JWS of two JSON objects without duplicate members.");

    public static ProofFault Type { get; } = new("The DPoP proof's header 'typ' must be 'dpop+jwt'.");

    public static ProofFault Algorithm { get; } = new("The DPoP proof's header 'alg' must be ES256, ES384, RS256 or PS256, and fit its key.");

    public static ProofFault Critical { get; } = new("The DPoP proof's header 'crit' names an extension; none is understood here.");

    public static ProofFault Key { get; } = new(
        "The DPoP proof's header 'jwk' must be a public key: EC on P-256 or P-384, or RSA of 2048 to 4096 bits with exponent 65537.");

    public static ProofFault PrivateKey { get; } = new("The DPoP proof's header 'jwk' has a private member. Replace that key: it must be taken for lost.");

    public static ProofFault Claims { get; } = new(
        "The DPoP proof must have the claims 'jti' (1 to 256 characters), 'htm', 'htu' and 'iat', of the types of RFC 9449, section 4.2.");

    public static ProofFault Method { get; } = new("The DPoP proof's 'htm' is not the method of this request.");

    public static ProofFault Uri { get; } = new("The DPoP proof's 'htu' is not the public address of this request, without query and fragment.");

    public static ProofFault Time { get; } = new("The DPoP proof's 'iat' is older than 60 seconds or more than 10 seconds ahead. Make one for each request; check the clock.");

    public static ProofFault Token { get; } = new("The DPoP proof's 'ath' is not the base64url SHA-256 of the access token.");

    public static ProofFault Signature { get; } = new("The DPoP proof's signature does not fit its key.");

    public static ProofFault Replay { get; } = new("The DPoP proof was used before. Make one for each request, with a 'jti' of its own.");

    public static ProofFault Nonce { get; } = new("Put the value of the header DPoP-Nonce into the DPoP proof's 'nonce', and try again.")
    {
        WantsNonce = true,
    };
}
