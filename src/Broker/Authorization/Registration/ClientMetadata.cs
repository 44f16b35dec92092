using System.Text.Json;
using TokenBroker.Apps;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Registration;

/// <summary>
/// Client metadata as RFC 7591, section 2, spells it, read into our registration: for apps that register themselves and
/// for metadata documents alike. What is not known is ignored; what is known and cannot be had is refused, so that no
/// client believes to have what it has not. Pictures and policies at foreign addresses are ignored: a page of the
/// broker loads nothing from elsewhere, and would tell the app who looks at it.
/// </summary>
/// <param name="Registration">Without an id and a secret, which are not the client's to choose.</param>
/// <param name="AuthMethod">How it authenticates to the token endpoint.</param>
internal sealed record ClientMetadata(AppRegistration Registration, string AuthMethod)
{
    public const string NoAuthentication = "none";

    private static readonly string[] s_authMethods =
        [NoAuthentication, ClientAuthenticationMethods.ClientSecretBasic, ClientAuthenticationMethods.ClientSecretPost, ClientAuthenticationMethods.PrivateKeyJwt];

    public bool HasSecret => AuthMethod is ClientAuthenticationMethods.ClientSecretBasic or ClientAuthenticationMethods.ClientSecretPost;

    /// <param name="json">What the client sent.</param>
    /// <param name="allScopes">What it gets where it names no scopes.</param>
    /// <param name="defaultAuthMethod">How it authenticates where it does not say.</param>
    /// <param name="refusal">Set where the return value is null.</param>
    public static ClientMetadata? Read(JsonElement json, IReadOnlyCollection<string> allScopes, string defaultAuthMethod, out RegistrationRefusal? refusal)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            refusal = RegistrationRefusal.Metadata("Client metadata is a JSON object.");
            return null;
        }

        var fields = new MetadataFields(json);
        var method = fields.Text("token_endpoint_auth_method") ?? defaultAuthMethod;
        var registration = Describe(fields, allScopes);
        registration.Jwks = KeysOf(fields, method);
        RefuseWhatIsNotHad(fields);
        refusal = fields.Complaint is { } complaint ? RegistrationRefusal.Metadata(complaint) : null;
        return refusal is null ? new ClientMetadata(registration, method) : null;
    }

    /// <summary>What the rules for every app say of it, as an error of RFC 7591.</summary>
    public static RegistrationRefusal? Refusal(AppRules rules, AppRegistration registration) =>
        rules.Complaints(registration).FirstOrDefault() is not { } complaint ? null
        : new RegistrationRefusal(
            complaint.Field == nameof(AppRegistration.RedirectUris) ? RegistrationRefusal.InvalidRedirectUri : RegistrationRefusal.InvalidClientMetadata,
            $"The client {complaint.Message}.");

    private static AppRegistration Describe(MetadataFields fields, IReadOnlyCollection<string> allScopes)
    {
        var name = fields.Text("client_name")?.Trim() ?? "";
        fields.Require(name.Length > 0, "client_name is needed: people see it when they are asked.");
        fields.Require(AppRules.IsPlain(name), "client_name may hold no control or formatting characters.");
        IReadOnlyList<string> scopes = fields.Text("scope") is { } asked
            ? [.. asked.Split(' ', StringSplitOptions.RemoveEmptyEntries).Distinct()]
            : [.. allScopes.Order(StringComparer.Ordinal)];
        return new AppRegistration
        {
            Name = name,
            HomepageUrl = fields.Text("client_uri"),
            ApplicationType = fields.Text("application_type") ?? ApplicationTypes.Web,
            GrantTypes = [.. GrantTypesOf(fields)],
            RedirectUris = [.. fields.List("redirect_uris") ?? []],
            Scopes = [.. scopes],

            // Nobody vouches for such an app, so that its users may leave out whatever it asks for.
            OptionalScopes = [.. scopes],
            RequirePushedAuthorizationRequests = fields.Flag("require_pushed_authorization_requests"),
            DpopBoundAccessTokens = fields.Flag("dpop_bound_access_tokens"),
        };
    }

    /// <summary>With the code comes refresh: whether it is used is up to the scope <c>offline_access</c> and the user.</summary>
    private static IEnumerable<string> GrantTypesOf(MetadataFields fields)
    {
        var types = fields.List("grant_types") is { Count: > 0 } named ? named : [GrantTypes.AuthorizationCode];
        var responses = fields.List("response_types");
        fields.Require(responses is null || responses.All(type => type == ResponseTypes.Code), "response_types may hold 'code' alone.");
        return types.Contains(GrantTypes.AuthorizationCode) ? types.Append(GrantTypes.RefreshToken).Distinct() : types.Distinct();
    }

    private static string? KeysOf(MetadataFields fields, string method)
    {
        fields.Require(s_authMethods.Contains(method), $"token_endpoint_auth_method must be one of: {string.Join(' ', s_authMethods)}.");
        fields.Require(!fields.Has("jwks_uri"), "jwks_uri is not supported: give the keys inline, as jwks.");
        var jwks = fields.Object("jwks");
        fields.Require(method != ClientAuthenticationMethods.PrivateKeyJwt || jwks is not null, "private_key_jwt needs the public keys, as jwks.");
        fields.Require(method == ClientAuthenticationMethods.PrivateKeyJwt || jwks is null, "jwks are for the token_endpoint_auth_method private_key_jwt alone.");
        return jwks;
    }

    private static void RefuseWhatIsNotHad(MetadataFields fields)
    {
        fields.Require(!fields.Has("software_statement"), "software_statement is not supported: this broker trusts no issuer of them.");
        fields.Require(
            fields.List("authorization_details_types")?.All(type => type == "model_access") != false,
            "authorization_details_types may hold 'model_access' alone.");
        foreach (var name in (string[])["request_object_signing_alg", "userinfo_signed_response_alg", "id_token_encrypted_response_alg", "authorization_signed_response_alg"])
        {
            fields.Require(!fields.Has(name), $"{name} is not supported.");
        }

        fields.Require(fields.Text("id_token_signed_response_alg") is null or "ES256", "id_token_signed_response_alg may be ES256 alone.");
        fields.Require(fields.Text("subject_type") is null or "public", "subject_type may be public alone.");
        fields.Require(!fields.Flag("require_signed_request_object"), "require_signed_request_object is not supported.");
        fields.Require(!fields.Flag("tls_client_certificate_bound_access_tokens"), "tls_client_certificate_bound_access_tokens is not supported.");
    }
}
