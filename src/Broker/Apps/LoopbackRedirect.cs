using System.Globalization;

namespace TokenBroker.Apps;

/// <summary>
/// The one freedom of a redirect URI: a native app listens on whatever port the system gives it (RFC 8252, section 7.3).
/// All else is compared as text, character by character, since a parser would forgive: <c>127.1</c>, <c>/a/../b</c> and
/// <c>%63</c> are other ways to write what was registered, and no app needs them.
/// </summary>
internal static class LoopbackRedirect
{
    // Of localhost only apps that registered it as such: its resolution can be changed (section 8.3).
    private static readonly string[] s_hosts = ["http://127.0.0.1", "http://[::1]", "http://localhost"];

    /// <summary>Whether this is the registered one, with a port put in.</summary>
    public static bool Matches(string registered, string given)
    {
        ArgumentNullException.ThrowIfNull(registered);
        ArgumentNullException.ThrowIfNull(given);
        if (s_hosts.FirstOrDefault(host => registered.StartsWith(host, StringComparison.Ordinal)) is not { } host)
        {
            return false;
        }

        var rest = registered[host.Length..];
        if (rest.Length > 0 && rest[0] is not ('/' or '?'))
        {
            // A port is part of it, or the host only begins like one.
            return false;
        }

        return given.Length > host.Length + rest.Length
            && given.StartsWith(host + ":", StringComparison.Ordinal)
            && given.EndsWith(rest, StringComparison.Ordinal)
            && IsPort(given.AsSpan(host.Length + 1, given.Length - host.Length - 1 - rest.Length));
    }

    private static bool IsPort(ReadOnlySpan<char> text) =>
        text.Length is > 0 and <= 5
        && text[0] != '0'
        && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port)
        && port <= ushort.MaxValue;
}
