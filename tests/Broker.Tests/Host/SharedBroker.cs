using TokenBroker.Tests.Host;

[assembly: AssemblyFixture(typeof(SharedBroker))]

namespace TokenBroker.Tests.Host;

/// <summary>One broker for all tests that bring their own people and need no settings or clock of their own.</summary>
public sealed class SharedBroker : IAsyncLifetime
{
    public BrokerHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync();

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}
