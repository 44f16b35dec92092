using Microsoft.AspNetCore.Http.Extensions;
using OpenIddict.Abstractions;
using TokenBroker.Authorization.PushedRequests;

namespace TokenBroker.Pages.Consent;

/// <summary>The parts of a validated authorization request that the consent page carries from its display to its answer.</summary>
internal static class RequestParameters
{
    private static readonly string[] Carried =
    [
        "client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce", "code_challenge",
        "code_challenge_method", "prompt", "max_age", "login_hint", "ui_locales", "display", "acr_values", "claims", "resource", "dpop_jkt",
        "authorization_details", "include_granted_scopes",
    ];

    private static readonly string[] CarriedOfPushed = ["client_id", "request_uri"];

    public static IEnumerable<KeyValuePair<string, string>> Of(OpenIddictRequest request)
    {
        // What was pushed stays here, and its own name is enough to find it again.
        foreach (var name in PendingRequests.IsOurs(request.RequestUri) ? CarriedOfPushed : Carried)
        {
            if ((string?)request[name] is { } value)
            {
                yield return KeyValuePair.Create(name, value);
            }
        }
    }

    /// <summary>The request as a local address, so that a sign-in can come back to it.</summary>
    /// <param name="request">The request.</param>
    /// <param name="withoutPrompt">Leaves out what has been done by then, so that it is not asked for for ever.</param>
    public static string ToLocalUrl(OpenIddictRequest request, bool withoutPrompt) =>
        "/connect/authorize" + new QueryBuilder(Of(request).Where(p => !withoutPrompt || p.Key is not ("prompt" or "max_age")));
}
