using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Custody;

/// <summary>Section <c>Custody:OpenKeys</c>: how long, how often and how many keys are open in memory.</summary>
internal sealed class OpenKeysOptions
{
    /// <summary>How long a key stays open after it was opened; then the vault is asked again, or nobody needs it. Default: five minutes.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan For { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How many keys are open at a time; a key beyond that is opened for its one call.</summary>
    [Range(1, 1_000_000)]
    public int Most { get; set; } = 10_000;

    /// <summary>After so many calls a key is opened anew, however busy it is.</summary>
    [Range(1, 100_000_000)]
    public int Uses { get; set; } = 100_000;
}
