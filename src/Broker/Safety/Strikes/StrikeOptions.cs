using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Safety;

/// <summary>Section <c>Safety:Strikes</c>: what a flag weighs, and what becomes of those who collect them. Points are whole numbers.</summary>
internal sealed class StrikeOptions : IValidatableObject
{
    /// <summary>How long until a strike is worth half.</summary>
    public TimeSpan HalfLife { get; set; } = TimeSpan.FromDays(30);

    /// <summary>Points by the provider's category. Of a flag with several, the heaviest counts. Zero: refused, but no fault of anybody's.</summary>
    public IDictionary<string, int> Weights { get; } = new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase)
    {
        ["sexual/minors"] = 10,
        ["illicit/violent"] = 2,
        ["hate/threatening"] = 2,
        ["harassment/threatening"] = 2,

        // Somebody who speaks of harming themselves is not punished for it.
        ["self-harm"] = 0,
        ["self-harm/intent"] = 0,
    };

    /// <summary>Of a category that <see cref="Weights"/> does not name.</summary>
    [Range(0, 1_000)]
    public int OtherWeight { get; set; } = 1;

    public StrikeLimits User { get; set; } = new() { Warn = 3, Suspend = 6, Ban = 20 };

    public StrikeLimits App { get; set; } = new() { Warn = 20, Suspend = 50, Ban = 200 };

    /// <summary>The most points that one person's calls bring an app in one day (UTC).</summary>
    [Range(0, 1_000)]
    public int MostOfOneUserADay { get; set; } = 3;

    /// <summary>From how many people an app's strikes must come before it is suspended or banned for them.</summary>
    [Range(2, 1_000)]
    public int LeastUsersOfAnApp { get; set; } = 3;

    /// <summary>How long a suspension by threshold lasts.</summary>
    public TimeSpan SuspendFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>In thousandths of a point.</summary>
    public long WeightOf(IEnumerable<string> categories) =>
        categories.Select(category => Weights.TryGetValue(category, out var points) ? points : OtherWeight).DefaultIfEmpty(OtherWeight).Max() * 1000L;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (HalfLife < TimeSpan.FromHours(1) || HalfLife > TimeSpan.FromDays(3650) || SuspendFor < TimeSpan.FromMinutes(1) || SuspendFor > TimeSpan.FromDays(3650))
        {
            yield return new ValidationResult("Safety:Strikes: HalfLife must be between an hour and ten years, SuspendFor between a minute and ten years.");
        }

        if (Weights.Values.Any(points => points is < 0 or > 1_000) || !User.IsOrdered || !App.IsOrdered)
        {
            yield return new ValidationResult("Safety:Strikes: weights are between 0 and 1000 points, and limits rise: 0 < Warn <= Suspend <= Ban.");
        }
    }
}

/// <summary>Points at which something happens.</summary>
internal sealed class StrikeLimits
{
    public int Warn { get; set; }

    public int Suspend { get; set; }

    public int Ban { get; set; }

    public bool IsOrdered => Warn > 0 && Warn <= Suspend && Suspend <= Ban;

    /// <param name="score">In thousandths of a point.</param>
    public StrikeLevel LevelOf(long score) =>
        score >= Ban * 1000L ? StrikeLevel.Ban
        : score >= Suspend * 1000L ? StrikeLevel.Suspend
        : score >= Warn * 1000L ? StrikeLevel.Warn
        : StrikeLevel.None;
}

/// <summary>What a score calls for.</summary>
internal enum StrikeLevel
{
    None,
    Warn,
    Suspend,
    Ban,
}
