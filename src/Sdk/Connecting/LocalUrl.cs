namespace TokenBroker.Sdk.Connecting;

internal static class LocalUrl
{
    /// <summary>
    /// A path of this app and nothing else. Browsers read <c>//host</c> and <c>/\host</c> as another host, and drop tabs
    /// and line breaks before they look, so neither backslashes nor control characters are accepted anywhere. The length
    /// is bounded because the value travels in a cookie.
    /// </summary>
    public static bool IsLocal(string? url) =>
        url is { Length: > 0 and <= 1024 } && url[0] == '/'
        && (url.Length == 1 || url[1] != '/')
        && !url.Any(character => character == '\\' || char.IsControl(character));
}
