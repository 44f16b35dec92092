namespace TokenBroker.Pages;

/// <summary>How long ago, in the words of a person.</summary>
internal static class RelativeTime
{
    public static string Ago(DateTime then, DateTime now) => (now - then) switch
    {
        { TotalMinutes: < 2 } => "just now",
        { TotalHours: < 1 } span => $"{(int)span.TotalMinutes} minutes ago",
        { TotalHours: < 2 } => "an hour ago",
        { TotalDays: < 1 } span => $"{(int)span.TotalHours} hours ago",
        { TotalDays: < 2 } => "yesterday",
        { TotalDays: < 30 } span => $"{(int)span.TotalDays} days ago",
        _ => then.ToString("d MMMM yyyy", System.Globalization.CultureInfo.InvariantCulture),
    };
}
