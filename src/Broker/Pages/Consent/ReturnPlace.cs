using TokenBroker.Apps;

namespace TokenBroker.Pages.Consent;

/// <summary>Where a person goes from the consent page, in words that tell them something.</summary>
internal static class ReturnPlace
{
    /// <summary>The host; for a native app (RFC 8252) what it is, since <c>127.0.0.1:53123</c> names nobody.</summary>
    public static string Of(Uri redirectUri)
    {
        ArgumentNullException.ThrowIfNull(redirectUri);
        var isWeb = redirectUri.Scheme == Uri.UriSchemeHttps || redirectUri.Scheme == Uri.UriSchemeHttp;
        return (isWeb, AppRules.IsLoopback(redirectUri)) switch
        {
            (false, _) => $"an app on this device ({redirectUri.Scheme})",
            (true, true) => "an app on this computer",
            _ => redirectUri.Authority,
        };
    }
}
