using System.Text.Json;
using TokenBroker.Apps;
using TokenBroker.Authorization.Registration;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.MetadataDocuments;

/// <summary>
/// What a client ID metadata document says, held to the draft's rules: it names its own address as its client_id, so
/// that nobody's file upload becomes another's app; it holds no secret, which would be public; and it sends people back
/// to its own origin or to their own machine, so that the host which the consent page shows is the host that gets the code.
/// </summary>
internal static class MetadataDocument
{
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <param name="address">Where the document was fetched from: the client_id.</param>
    /// <param name="body">The document.</param>
    /// <param name="allScopes">What the app may ask for where the document names no scopes.</param>
    /// <param name="rules">What every app must keep.</param>
    /// <returns>The registration, or what is wrong with the document, to follow its address.</returns>
    public static (AppRegistration? Registration, string? Complaint) Read(
        Uri address, ReadOnlyMemory<byte> body, IReadOnlyCollection<string> allScopes, AppRules rules)
    {
        JsonDocument json;
        try
        {
            json = JsonDocument.Parse(body, s_strict);
        }
        catch (JsonException)
        {
            return (null, "is not JSON that can be read in one way");
        }

        using (json)
        {
            var metadata = ClientMetadata.Read(json.RootElement, allScopes, ClientMetadata.NoAuthentication, out var refusal);
            if (metadata is null)
            {
                return (null, "is refused: " + refusal!.Description);
            }

            var entry = metadata.Registration;
            entry.ClientId = address.AbsoluteUri;
            if (OfTheDraft(address, new MetadataFields(json.RootElement), metadata) is { } complaint)
            {
                return (null, complaint);
            }

            // What it calls its home is shown to people; only its own host has a right to be.
            if (entry.HomepageUrl is { } homepage && !(Uri.TryCreate(homepage, UriKind.Absolute, out var home) && IsSameOrigin(home, address)))
            {
                entry.HomepageUrl = null;
            }

            // What follows the colon is the document's own text: it has no business on a page of the broker.
            return rules.Complaints(entry).FirstOrDefault() is { } against ? (null, against.Message.Split(':')[0]) : (entry, null);
        }
    }

    private static string? OfTheDraft(Uri address, MetadataFields fields, ClientMetadata metadata)
    {
        if (fields.Text("client_id") != address.AbsoluteUri)
        {
            return "does not name its own address as its client_id";
        }

        if (fields.Has("client_secret") || fields.Has("client_secret_expires_at"))
        {
            return "holds a client_secret, which is then none";
        }

        if (metadata.AuthMethod is not (ClientMetadata.NoAuthentication or ClientAuthenticationMethods.PrivateKeyJwt))
        {
            return "asks for a secret: its token_endpoint_auth_method may be none or private_key_jwt";
        }

        return metadata.Registration.RedirectUris.FirstOrDefault(uri => !IsItsOwn(uri, address)) is null
            ? null
            : "has a redirect URI that is neither of its own origin nor of the person's own machine";
    }

    private static bool IsItsOwn(string redirectUri, Uri address) =>
        Uri.TryCreate(redirectUri, UriKind.Absolute, out var uri)
        && (IsSameOrigin(uri, address)
            || AppRules.IsLoopback(uri)

            // A private-use scheme; whether the app may have one is for the rules of every app to say.
            || (uri.Scheme != Uri.UriSchemeHttps && uri.Scheme != Uri.UriSchemeHttp));

    private static bool IsSameOrigin(Uri one, Uri other) =>
        one.Scheme == other.Scheme && one.Port == other.Port && string.Equals(one.IdnHost, other.IdnHost, StringComparison.OrdinalIgnoreCase);
}
