using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps;

/// <summary>A broker on a clock that its class moves forward; begins in the middle of a month, so that no budget starts anew.</summary>
public sealed class ClockedBroker : IAsyncLifetime
{
    public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 10, 9, 0, 0, TimeSpan.Zero));

    public BrokerHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(clock: Clock);

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
