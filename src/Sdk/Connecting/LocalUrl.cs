namespace TokenBroker.Sdk.Connecting;

internal static class LocalUrl
{
    /// <summary>The value travels in a cookie.</summary>
    private const int Longest = 1024;

    /// <summary>
    /// A path of this app and nothing else. Browsers read <c>//host</c> and <c>/\host</c> as another host, and drop tabs
    /// and line breaks before they look, so neither backslashes nor control characters are accepted anywhere.
    /// </summary>
    public static bool IsLocal(string? url) =>
        url is { Length: > 0 and <= Longest } && url[0] == '/'
        && (url.Length == 1 || url[1] != '/')
        && !url.Any(character => character == '\\' || char.IsControl(character));

    /// <summary>The path as a Location header takes it, which is ASCII only (RFC 9110 section 5.5); null where it is not local.</summary>
    public static string? ToHeader(string? url)
    {
        if (!IsLocal(url))
        {
            return null;
        }

        var escaped = string.Concat(url!.EnumerateRunes().Select(rune =>
            rune.Value is > ' ' and <= '~' ? rune.ToString() : Uri.EscapeDataString(rune.ToString())));
        return escaped.Length <= Longest ? escaped : null;
    }
}
