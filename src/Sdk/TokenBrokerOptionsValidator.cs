using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Connecting;

namespace TokenBroker.Sdk;

internal sealed class TokenBrokerOptionsValidator : IValidateOptions<TokenBrokerOptions>
{
    public ValidateOptionsResult Validate(string? name, TokenBrokerOptions options)
    {
        var problems = Problems(options).ToList();
        return problems.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
    }

    private static IEnumerable<string> Problems(TokenBrokerOptions options)
    {
        if (!Uri.TryCreate(options.Authority, UriKind.Absolute, out var authority))
        {
            yield return "TokenBroker: Authority is missing or not a URL. Set it to the broker's issuer, for example https://broker.example.";
        }
        else if (!IsSecure(authority))
        {
            yield return $"TokenBroker: Authority '{authority}' would send tokens in the clear. Use https; http is accepted for localhost only.";
        }
        else if (authority.Query.Length > 0 || authority.Fragment.Length > 0 || authority.UserInfo.Length > 0)
        {
            yield return "TokenBroker: Authority must be a plain URL. Remove its query, fragment or user part.";
        }

        if (string.IsNullOrWhiteSpace(options.ClientId))
        {
            yield return "TokenBroker: ClientId is missing. Copy it from the app's page in the broker's portal.";
        }

        if (string.IsNullOrWhiteSpace(options.ClientSecret))
        {
            yield return "TokenBroker: ClientSecret is missing. Make one on the app's page in the broker's portal and keep it in user secrets or the environment.";
        }

        if (options.Scopes is not { Count: > 0 } || options.Scopes.Any(scope => string.IsNullOrWhiteSpace(scope) || scope.Contains(' ', StringComparison.Ordinal)))
        {
            yield return "TokenBroker: Scopes must name at least one scope, each as its own entry, for example [\"openai:chat\", \"offline_access\"].";
        }
        else if (options.Scopes.Contains("openid", StringComparer.Ordinal))
        {
            yield return "TokenBroker: remove openid from Scopes. The SDK connects an account and reads no id_token; to sign users in with the broker use an OpenID Connect handler beside it.";
        }

        if (options.RedirectUri is { } redirect && (!redirect.IsAbsoluteUri || !IsSecure(redirect) || !redirect.AbsolutePath.EndsWith(TokenBrokerDefaults.CallbackPath, StringComparison.Ordinal)))
        {
            yield return $"TokenBroker: RedirectUri must be an absolute https URL (http for localhost only) that ends with {TokenBrokerDefaults.CallbackPath}.";
        }

        if (options.DefaultReturnUrl is { } returnUrl && !LocalUrl.IsLocal(returnUrl))
        {
            yield return "TokenBroker: DefaultReturnUrl must be a path of this app, for example /chat.";
        }

        if (options.RefreshBefore < TimeSpan.Zero || options.RefreshBefore > TimeSpan.FromMinutes(15))
        {
            yield return "TokenBroker: RefreshBefore must lie between 0 and 15 minutes; an access token lives for 30.";
        }

        if (options.ConnectionLifetime <= TimeSpan.Zero)
        {
            yield return "TokenBroker: ConnectionLifetime must be longer than zero; the default is 24 hours.";
        }

        if (options.UserId is null)
        {
            yield return "TokenBroker: UserId must not be null. Return null from the delegate when nobody is signed in.";
        }
    }

    private static bool IsSecure(Uri uri) =>
        uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback);
}
