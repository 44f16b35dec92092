using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Apps;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Registration;

/// <summary>The answer to a registration: what was registered in truth, and what manages it (RFC 7591, section 3.2.1; RFC 7592, section 3).</summary>
internal static class ClientInformation
{
    private const string AuthMethodProperty = "token_endpoint_auth_method";

    /// <summary>Remembers how the client said it authenticates: the row itself knows only with what.</summary>
    public static void RememberAuthMethod(App app, string method) =>
        app.Properties = new JsonObject { [AuthMethodProperty] = method }.ToJsonString();

    /// <param name="app">The app as registered.</param>
    /// <param name="baseAddress">The broker's address.</param>
    /// <param name="managementToken">The registration access token, in the clear: it is nowhere else.</param>
    /// <param name="secret">The client secret where it is new; nobody can tell it again.</param>
    public static JsonObject Of(App app, string baseAddress, string managementToken, string? secret)
    {
        var details = AppDetails.Of(app);
        var answer = new JsonObject
        {
            ["client_id"] = app.ClientId,
            ["client_id_issued_at"] = new DateTimeOffset(app.CreatedAt, TimeSpan.Zero).ToUnixTimeSeconds(),
            ["client_name"] = details.Name,
            ["redirect_uris"] = List(details.RedirectUris),
            ["grant_types"] = List(details.GrantTypes.Order(StringComparer.Ordinal)),
            ["response_types"] = List(details.GrantTypes.Contains(GrantTypes.AuthorizationCode) ? [ResponseTypes.Code] : []),
            ["scope"] = string.Join(' ', details.Scopes.Order(StringComparer.Ordinal)),
            ["token_endpoint_auth_method"] = AuthMethodOf(app),
            ["application_type"] = app.ApplicationType,
            ["dpop_bound_access_tokens"] = app.DpopBoundAccessTokens,
            ["require_pushed_authorization_requests"] = details.RequiresPushedRequests,
            ["registration_access_token"] = managementToken,
            ["registration_client_uri"] = $"{baseAddress}{RegistrationEndpoint.Path}/{app.ClientId}",
        };
        if (app.HomepageUrl is not null)
        {
            answer["client_uri"] = app.HomepageUrl;
        }

        if (app.JsonWebKeySet is not null)
        {
            answer["jwks"] = JsonNode.Parse(app.JsonWebKeySet);
        }

        if (secret is not null)
        {
            (answer["client_secret"], answer["client_secret_expires_at"]) = (secret, 0);
        }

        return answer;
    }

    private static string AuthMethodOf(App app)
    {
        using var properties = JsonDocument.Parse(app.Properties ?? "{}");
        return properties.RootElement.TryGetProperty(AuthMethodProperty, out var method) ? method.GetString()! : ClientMetadata.NoAuthentication;
    }

    private static JsonArray List(IEnumerable<string> values) => [.. values.Select(value => (JsonNode)value)];
}
