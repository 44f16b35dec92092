using System.Buffers;

namespace TokenBroker.Authorization.Dpop;

/// <summary>
/// Decides whether a DPoP proof fits the request that it came with (RFC 9449, section 4.3): the authorization server
/// and the gateway ask the same questions, each with nonces of its own. Whether it was used before is asked last and
/// elsewhere, since each of the two remembers in its own way. Cheap questions come first, the signature at the end.
/// </summary>
internal sealed class ProofCheck(DpopNonces nonces, TimeProvider time)
{
    /// <summary>How old a proof may be.</summary>
    public static readonly TimeSpan Longest = TimeSpan.FromSeconds(60);

    /// <summary>How far an app's clock may be ahead.</summary>
    public static readonly TimeSpan Ahead = TimeSpan.FromSeconds(10);

    /// <summary>What RFC 3986 knows in a URI. A framework's parser would forgive, and repair, more.</summary>
    private static readonly SearchValues<char> s_uriCharacters = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:/?#[]@!$&'()*+,;=%");

    public DpopNonces Nonces => nonces;

    /// <param name="proof">The proof.</param>
    /// <param name="method">The request's method.</param>
    /// <param name="uri">The request's public address without a query. Never made from its Host header.</param>
    /// <param name="accessToken">The access token that the request carries; null at the authorization server.</param>
    /// <param name="givesNonce">True where the answer should carry a nonce.</param>
    public ProofFault? FaultOf(DpopProof proof, string method, string uri, string? accessToken, out bool givesNonce)
    {
        givesNonce = false;
        if (!string.Equals(proof.Method, method, StringComparison.Ordinal))
        {
            return ProofFault.Method;
        }

        if (!IsSameAddress(proof.Uri, uri))
        {
            return ProofFault.Uri;
        }

        var age = (time.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0) - proof.IssuedAt;
        if (!(age <= Longest.TotalSeconds && age >= -Ahead.TotalSeconds))
        {
            return ProofFault.Time;
        }

        if (accessToken is not null && !proof.IsFor(accessToken))
        {
            return ProofFault.Token;
        }

        if (!nonces.IsGood(proof.Nonce, out givesNonce))
        {
            givesNonce = true;
            return ProofFault.Nonce;
        }

        return proof.IsSigned() ? null : ProofFault.Signature;
    }

    /// <summary>From when a proof is refused for its age.</summary>
    public static DateTimeOffset ExpiryOf(DpopProof proof) =>
        DateTimeOffset.UnixEpoch.AddSeconds(proof.IssuedAt) + Longest + TimeSpan.FromSeconds(1);

    /// <summary>Number 9: the same address after RFC 3986's normalisation of syntax and scheme, query and fragment aside.</summary>
    private static bool IsSameAddress(string claimed, string uri)
    {
        var end = claimed.AsSpan().IndexOfAny('?', '#');
        var address = end < 0 ? claimed.AsSpan() : claimed.AsSpan(0, end);
        return address.SequenceEqual(uri)
            || (!address.ContainsAnyExcept(s_uriCharacters)
                && Normal(address.ToString()) is { } one
                && Normal(uri) is { } other
                && string.Equals(one, other, StringComparison.Ordinal));
    }

    private static string? Normal(string address) =>
        System.Uri.TryCreate(address, UriKind.Absolute, out var parsed)
        && (parsed.Scheme == System.Uri.UriSchemeHttps || parsed.Scheme == System.Uri.UriSchemeHttp)
        && parsed.UserInfo.Length == 0
            ? parsed.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped)
            : null;
}
