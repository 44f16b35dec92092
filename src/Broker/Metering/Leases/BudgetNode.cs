using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// This run of the program, as a holder of leases: its row, its file, and the number of its flushes. A start first settles
/// what runs before it left behind in this data directory: see <see cref="Reconcile"/>.
/// </summary>
internal sealed class BudgetNode(IServiceScopeFactory scopes, IOptions<StorageOptions> storage, TimeProvider time)
{
    private LeaseFile? _file;

    public Guid Id { get; } = Guid.CreateVersion7();

    /// <summary>The number of the last flush that was committed.</summary>
    public long Flush { get; set; }

    public async Task BeginAsync(CancellationToken cancellationToken)
    {
        // The file before the row: a row without a file is a node whose leases are lost.
        _file = LeaseFile.Create(storage.Value.DataDirectory, Id);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        db.SpendNodes.Add(Row());
        await db.SaveChangesAsync(cancellationToken);
    }

    public SpendNode Row() => new()
    {
        Id = Id,
        Machine = Environment.MachineName,
        StartedAt = time.GetUtcNow().UtcDateTime,
        SeenAt = time.GetUtcNow().UtcDateTime,
        Flush = Flush,
    };

    /// <summary>Says that it lives. One that somebody settled meanwhile begins anew, with nothing.</summary>
    /// <returns>False where it was settled: what it had leased is spent.</returns>
    public async Task<bool> SeenAsync()
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var now = time.GetUtcNow().UtcDateTime;
        if (await db.SpendNodes.Where(n => n.Id == Id).ExecuteUpdateAsync(set => set.SetProperty(n => n.SeenAt, now)) == 1)
        {
            return true;
        }

        db.SpendNodes.Add(Row());
        await db.SaveChangesAsync();
        return false;
    }

    public ILeaseSlot Take(BookKey key) => (_file ?? throw new InvalidOperationException("The node has not begun.")).Take(key);

    /// <summary>Ends the node.</summary>
    /// <param name="clean">Whether every book is closed: then nothing is left to tell. Else the next start reads the file.</param>
    public async Task EndAsync(bool clean)
    {
        if (clean)
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            await db.SpendLeases.Where(l => l.NodeId == Id && l.Micros == 0).ExecuteDeleteAsync();
            clean = await db.SpendNodes.Where(n => n.Id == Id && !db.SpendLeases.Any(l => l.NodeId == n.Id)).ExecuteDeleteAsync() == 1;
        }

        if (clean)
        {
            _file?.Delete();
        }
        else
        {
            _file?.Dispose();
        }
    }

    /// <summary>Lets go of the file as a kill does.</summary>
    public void Abandon() => _file?.Dispose();
}
