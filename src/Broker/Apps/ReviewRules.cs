namespace TokenBroker.Apps;

/// <summary>
/// Which changes of an app put an approval back: those of what the reviewer looked at and users decide by. Everything
/// else, such as another path on the same host, is the developer's daily work. The logo is not part of a registration:
/// whoever changes it asks for a new review in any case.
/// </summary>
internal static class ReviewRules
{
    /// <param name="app">The app as it stands.</param>
    /// <param name="changed">What it is to become.</param>
    internal static bool NeedsReviewAgain(App app, AppRegistration changed) =>
        !string.Equals(app.DisplayName, changed.Name, StringComparison.Ordinal)
        || !string.Equals(HostOf(app.HomepageUrl), HostOf(changed.HomepageUrl), StringComparison.Ordinal)
        || !Same(app.RedirectAddresses().Select(HostOf), changed.RedirectUris.Select(HostOf))
        || !Same(app.ScopeNames(), changed.Scopes);

    /// <summary>Where an address leads as a person understands it: scheme and host. A private-use scheme is itself the name of who gets it.</summary>
    internal static string? HostOf(string? address) =>
        !Uri.TryCreate(address, UriKind.Absolute, out var uri) ? null
        : uri.Scheme == Uri.UriSchemeHttps || uri.Scheme == Uri.UriSchemeHttp ? $"{uri.Scheme}://{uri.IdnHost}"
        : uri.Scheme + ":";

    private static bool Same(IEnumerable<string?> one, IEnumerable<string?> other) => one.ToHashSet().SetEquals(other);
}
