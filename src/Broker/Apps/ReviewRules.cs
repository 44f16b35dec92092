namespace TokenBroker.Apps;

/// <summary>
/// What a review holds for. A reviewer approves what people will see and be sent to: the name, the logo, the homepage's
/// host, the hosts that codes go to, and the scopes. An app that changes one of them is another app than the one that was approved, or than
/// the one that waits to be. This is the one place that says so, whoever makes the change.
/// </summary>
internal static class ReviewRules
{
    /// <param name="app">The app as it is, before anything of the change is written to it.</param>
    /// <param name="after">What it is to be.</param>
    public static bool NeedsReviewAgain(App app, AppRegistration after)
    {
        var before = AppDetails.Of(app);
        return HoldsForItsDetails(app)
            && (before.Name != after.Name
                || HostOf(app.HomepageUrl) != HostOf(after.HomepageUrl)
                || !HostsOf(before.RedirectUris).SetEquals(HostsOf(after.RedirectUris))
                || !before.Scopes.ToHashSet(StringComparer.Ordinal).SetEquals(after.Scopes));
    }

    /// <summary>The operator's own apps answer to nobody's review: their configuration is the approval.</summary>
    private static bool HoldsForItsDetails(App app) =>
        app.Source != AppSource.Configuration && app.ReviewStatus is (ReviewStatus.Approved or ReviewStatus.Submitted);

    /// <summary>Scheme and host: the port of a loopback redirect, or the path, is the app's own affair.</summary>
    private static HashSet<string> HostsOf(IEnumerable<string> redirectUris) =>
        [.. redirectUris.Select(HostOf)];

    private static string HostOf(string? address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) ? $"{uri.Scheme}://{uri.IdnHost}" : "";
}
