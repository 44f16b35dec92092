using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

/// <summary>A broker whose clock the tests of this collection move, one after the other, and only forward.</summary>
[CollectionDefinition(Name)]
public sealed class AccountsOverTime : ICollectionFixture<AccountsOverTime.Broker>
{
    public const string Name = "Accounts over time";

    public sealed class Broker : IAsyncLifetime
    {
        public FakeTimeProvider Clock { get; } = new(new DateTimeOffset(2026, 11, 10, 9, 0, 0, TimeSpan.Zero));

        public BrokerHost Host { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(clock: Clock);

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
