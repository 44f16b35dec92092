using System.Diagnostics.Metrics;

namespace TokenBroker;

/// <summary>The meter of the broker's own instruments; docs/telemetry.md lists them.</summary>
internal static class BrokerMeter
{
    public const string Name = "TokenBroker";

    /// <summary>The operation's name in the catalogue, such as <c>chat.completions</c>.</summary>
    public const string Operation = "tokenbroker.operation";

    public static Meter Of(IMeterFactory meters) => meters.Create(Name);
}
