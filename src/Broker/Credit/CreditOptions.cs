using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Credit;

/// <summary>Section <c>Credit</c>: what one secret may do.</summary>
internal sealed class CreditOptions
{
    /// <summary>The largest top-up, in micro-dollars: a stolen secret, or a slip of units, gives no more at once. Default: 1,000 dollars.</summary>
    [Range(1, 100_000_000_000)]
    public long MostTopUpMicros { get; set; } = 1_000_000_000;

    /// <summary>Requests of one secret in a minute. Default: 300.</summary>
    [Range(1, 100_000)]
    public int RequestsPerMinute { get; set; } = 300;

    /// <summary>How far a webhook's time may be from ours, either way. Default: five minutes, as Standard Webhooks has it.</summary>
    [Range(typeof(TimeSpan), "00:00:05", "00:15:00")]
    public TimeSpan WebhookTolerance { get; set; } = TimeSpan.FromMinutes(5);
}
