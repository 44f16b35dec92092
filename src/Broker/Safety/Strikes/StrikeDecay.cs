namespace TokenBroker.Safety;

/// <summary>
/// How a strike fades, in integers: it is worth half after each half-life, and falls in a straight line between. So it
/// never grows, and every node and database comes to the same number.
/// </summary>
internal static class StrikeDecay
{
    /// <summary>After so many half-lives less than a thousandth is left: such strikes are not read.</summary>
    public const int HalfLivesRead = 10;

    /// <param name="weight">At first, in thousandths of a point.</param>
    /// <param name="age">Since the strike. A clock that was set back makes no strike heavier.</param>
    /// <param name="halfLife">Above zero.</param>
    public static long Of(long weight, TimeSpan age, TimeSpan halfLife)
    {
        if (age <= TimeSpan.Zero)
        {
            return weight;
        }

        var halvings = age.Ticks / halfLife.Ticks;
        if (halvings >= 62)
        {
            return 0;
        }

        // Rounded up: three strikes in a row are worth three points, and not a breath less.
        var into = age.Ticks % halfLife.Ticks;
        var whole = 2 * (Int128)halfLife.Ticks * (1L << (int)halvings);
        return (long)(((Int128)weight * (2 * (Int128)halfLife.Ticks - into) + whole - 1) / whole);
    }

    public static long Sum(IEnumerable<(long Weight, DateTime At)> strikes, DateTime now, TimeSpan halfLife) =>
        strikes.Sum(strike => Of(strike.Weight, now - strike.At, halfLife));
}
