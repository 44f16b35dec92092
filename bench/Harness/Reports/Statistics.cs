namespace TokenBroker.Bench.Reports;

internal static class Statistics
{
    public static double Median(IReadOnlyCollection<double> values)
    {
        var sorted = values.Where(value => !double.IsNaN(value)).Order().ToArray();
        return sorted.Length == 0 ? double.NaN
            : sorted.Length % 2 == 1 ? sorted[sorted.Length / 2]
            : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>The order of a round: each contender comes first, second and so on equally often.</summary>
    public static IEnumerable<T> Rotated<T>(this IReadOnlyList<T> all, int round) =>
        Enumerable.Range(0, all.Count).Select(place => all[(place + round) % all.Count]);
}
