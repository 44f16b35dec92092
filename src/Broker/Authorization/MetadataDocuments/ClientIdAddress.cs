using System.Diagnostics.CodeAnalysis;
using TokenBroker.Apps;

namespace TokenBroker.Authorization.MetadataDocuments;

/// <summary>
/// A client_id that is the address of a metadata document (draft-ietf-oauth-client-id-metadata-document, section 3). It
/// is compared as text wherever it occurs, so it must be written in the one way that parsing gives back: what looks
/// different and leads to the same place would be two apps, and what parsers read differently could be a third.
/// </summary>
internal static class ClientIdAddress
{
    /// <summary>Whether it wants to be such an address, well written or not.</summary>
    public static bool LooksLikeOne(string? clientId) =>
        clientId is not null && (clientId.StartsWith("https:", StringComparison.OrdinalIgnoreCase) || clientId.StartsWith("http:", StringComparison.OrdinalIgnoreCase));

    public static bool TryParse(string clientId, [NotNullWhen(true)] out Uri? uri) =>
        Uri.TryCreate(clientId, UriKind.Absolute, out uri)
        && clientId.Length <= AppRules.LongestUri

        // https; http passes here for loopback, and the egress guard lets it through where the operator opened that.
        && AppRules.IsSafe(clientId)

        // A path, and neither a query nor a fragment. Dot segments, capitals in the host, default ports and odd
        // encodings are gone after parsing, and so do not match.
        && uri.AbsolutePath.Length > 1
        && uri.Query.Length == 0
        && uri.Fragment.Length == 0
        && string.Equals(uri.AbsoluteUri, clientId, StringComparison.Ordinal);
}
