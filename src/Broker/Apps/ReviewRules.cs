namespace TokenBroker.Apps;

/// <summary>
/// What a review holds for. A reviewer approves what people will see and be sent to: the name, the logo, the hosts that
/// codes go to, and the scopes. An app that changes one of them is another app than the one that was approved, or than
/// the one that waits to be. This is the one place that says so, whoever makes the change.
/// </summary>
internal static class ReviewRules
{
    /// <param name="app">The app, with the standing that it has.</param>
    /// <param name="before">What it was when it got that standing.</param>
    /// <param name="after">What it is to be.</param>
    public static bool NeedsReviewAgain(App app, AppDetails before, AppRegistration after)
    {
        ArgumentNullException.ThrowIfNull(app);
        return HoldsForItsDetails(app)
            && (before.Name != after.Name
                || !HostsOf(before.RedirectUris).SetEquals(HostsOf(after.RedirectUris))
                || !before.Scopes.ToHashSet(StringComparer.Ordinal).SetEquals(after.Scopes));
    }

    /// <summary>Whether a new or removed logo puts the app back: for those who write logos, which are no part of a registration.</summary>
    public static bool NeedsReviewOfLogo(App app) => HoldsForItsDetails(app);

    /// <summary>Back to where a new app begins. The caller saves, and records it.</summary>
    public static void PutBack(App app)
    {
        ArgumentNullException.ThrowIfNull(app);
        (app.ReviewStatus, app.SubmittedAt) = (ReviewStatus.Unreviewed, null);
    }

    /// <summary>The operator's own apps answer to nobody's review: their configuration is the approval.</summary>
    private static bool HoldsForItsDetails(App app) =>
        app.Source != AppSource.Configuration && app.ReviewStatus is (ReviewStatus.Approved or ReviewStatus.Submitted);

    /// <summary>Scheme and host: the port of a loopback redirect, or the path, is the app's own affair.</summary>
    private static HashSet<string> HostsOf(IEnumerable<string> redirectUris) =>
        [.. redirectUris.Select(text => new Uri(text)).Select(uri => $"{uri.Scheme}://{uri.IdnHost}")];
}
