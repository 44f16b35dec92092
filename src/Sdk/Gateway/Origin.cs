namespace TokenBroker.Sdk.Gateway;

internal static class Origin
{
    /// <summary>Same scheme, host and port (RFC 6454 section 5).</summary>
    public static bool Same(Uri left, Uri right) =>
        Uri.Compare(left, right, UriComponents.SchemeAndServer | UriComponents.StrongPort, UriFormat.SafeUnescaped, StringComparison.OrdinalIgnoreCase) == 0
        && left.UserInfo.Length == 0;
}
