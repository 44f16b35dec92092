using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Storage;

/// <summary>SQLite has one writer at a time: those of one process come one after another, in the order in which they came.</summary>
public sealed class Queueing_writers : IAsyncLifetime
{
    private BrokerHost _broker = null!;

    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(BrokerHost.OnSqlite);

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task Serves_them_in_the_order_in_which_they_came()
    {
        await using var scope = _broker.Services.CreateAsyncScope();
        var first = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var transaction = await first.Database.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var served = new List<int>();

        var others = Enumerable.Range(0, 10).Select(number => WriteAsync(() => served.Add(number))).ToArray();
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        await Task.WhenAll(others);

        served.Should().BeInAscendingOrder().And.HaveCount(10);
    }

    [Theory]
    [InlineData("rolled back")]
    [InlineData("disposed")]
    [InlineData("left to its context")]
    public async Task Goes_on_after_one_that_did_not_commit(string end)
    {
        var scope = _broker.Services.CreateAsyncScope();
        var transaction = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Database.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var other = WriteAsync(() => { });
        other.IsCompleted.Should().BeFalse("somebody else writes");

        await (end switch
        {
            "rolled back" => transaction.RollbackAsync(TestContext.Current.CancellationToken),
            "disposed" => transaction.DisposeAsync().AsTask(),
            _ => scope.DisposeAsync().AsTask(),
        });

        await other;
        await scope.DisposeAsync();
        await WriteAsync(() => { });
    }

    [Fact]
    public async Task Loses_no_turn_with_one_who_gives_up_waiting()
    {
        await using var scope = _broker.Services.CreateAsyncScope();
        var transaction = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Database.BeginTransactionAsync(TestContext.Current.CancellationToken);
        using var impatience = new CancellationTokenSource();
        var impatient = WriteAsync(() => { }, impatience.Token);
        var patient = WriteAsync(() => { });

        await impatience.CancelAsync();
        await FluentActions.Awaiting(() => impatient).Should().ThrowAsync<OperationCanceledException>();
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        await patient;
    }

    private async Task WriteAsync(Action work, CancellationToken cancellationToken = default)
    {
        await using var scope = _broker.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        await db.InTransactionAsync(
            () =>
            {
                work();
                return Task.CompletedTask;
            },
            cancellationToken);
    }
}
