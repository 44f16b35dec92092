using System.Collections.Concurrent;
using System.Security.Cryptography;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Custody.Rewrapping;

/// <summary>How far a rewrap is.</summary>
/// <param name="Moved">Records that are under the current version now, and were not.</param>
/// <param name="ToMove">Records that were not when it began.</param>
/// <param name="Waiting">Why it waits for the vault; null while it does not.</param>
internal readonly record struct RewrapProgress(long Moved, long ToMove, string? Waiting);

/// <param name="KekId">The version that everything was moved to.</param>
/// <param name="Moved">How many records were.</param>
/// <param name="Troubled">What could not be: it stays as it is.</param>
/// <param name="Left">What is still under other versions, counted by the envelopes.</param>
internal sealed record RewrapReport(string KekId, long Moved, IReadOnlyList<TroubledRecord> Troubled, IReadOnlyList<KekUse> Left);

/// <summary>
/// Moves every DEK to the current KEK version; no secret is opened but a record of format 1, which is sealed anew. A record
/// is replaced only where it still is what was read, so that a key that its owner replaces or deletes at the same moment is
/// neither overwritten nor brought back. What is done is done record by record: after a kill at any point it is run again, and
/// finds what is left. It works beside a broker that serves: its transactions are short, and it leaves the database to others
/// for as long as it held it.
/// </summary>
internal sealed class Rewrap(KekInventory inventory, IServiceScopeFactory scopes, Envelopes envelopes, Vault vault, TimeProvider time)
{
    /// <summary>Records in one transaction.</summary>
    public const int BatchSize = 250;

    /// <summary>New records may come under an old version while a running broker has not yet noticed the rotation.</summary>
    private const int MostPasses = 10;

    /// <summary>How long the vault may fail without one answer before the rest is left to the next run.</summary>
    private static readonly TimeSpan GivesUpAfter = TimeSpan.FromMinutes(10);

    public async Task<RewrapReport> RunAsync(Action<RewrapProgress> tell, CancellationToken cancellationToken)
    {
        vault.Forget();
        await vault.CheckAsync(cancellationToken);
        var run = new Run(tell, time);
        await using (var scope = scopes.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            var kekId = await vault.CurrentKeyIdAsync(cancellationToken);
            foreach (var table in inventory.Tables)
            {
                run.ToMove += (await table.CountByColumnAsync(db, cancellationToken)).Where(count => count.Key != kekId).Sum(count => count.Value);
            }
        }

        run.Tell();
        for (var pass = 1; ; pass++)
        {
            // Asked again: it may have been rotated once more.
            var kekId = await vault.CurrentKeyIdAsync(cancellationToken);
            var before = run.Moved;
            await MoveByColumnAsync(run, kekId, cancellationToken);
            await MoveStraysAsync(run, kekId, cancellationToken);
            if (run.Moved == before || pass == MostPasses)
            {
                return new RewrapReport(
                    kekId, run.Moved, [.. run.Troubled.Values.OrderBy(record => record.Kind).ThenBy(record => record.Id)], await LeftAsync(kekId, cancellationToken));
            }
        }
    }

    /// <summary>By the index, so that a run that goes on after a kill does not read what is done.</summary>
    private async Task MoveByColumnAsync(Run run, string kekId, CancellationToken cancellationToken)
    {
        foreach (var table in inventory.Tables)
        {
            IReadOnlyDictionary<string, long> counts;
            await using (var scope = scopes.CreateAsyncScope())
            {
                counts = await table.CountByColumnAsync(scope.ServiceProvider.GetRequiredService<BrokerDbContext>(), cancellationToken);
            }

            foreach (var old in counts.Keys.Where(id => id != kekId))
            {
                SealedRecord? last = null;
                do
                {
                    await using var scope = scopes.CreateAsyncScope();
                    var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
                    var page = await table.PageAsync(db, old, last, BatchSize, cancellationToken);
                    await MoveAsync(run, db, table, page, kekId, cancellationToken);
                    last = page.Count == BatchSize ? page[^1] : null;
                }
                while (last is not null);
            }
        }
    }

    /// <summary>A row whose column says another version than its envelope is found by reading all of them.</summary>
    private async Task MoveStraysAsync(Run run, string kekId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        foreach (var table in inventory.Tables)
        {
            var strays = new List<SealedRecord>();
            await foreach (var record in KekInventory.ReadAsync(db, table, cancellationToken))
            {
                if (record.KekId != record.Column)
                {
                    strays.Add(record);
                }
            }

            foreach (var batch in strays.Chunk(BatchSize))
            {
                await MoveAsync(run, db, table, batch, kekId, cancellationToken);
            }
        }
    }

    private async Task<IReadOnlyList<KekUse>> LeftAsync(string kekId, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var counts = await inventory.CountAsync(scope.ServiceProvider.GetRequiredService<BrokerDbContext>(), cancellationToken);
        return [.. counts.Where(count => count.KekId != kekId)];
    }

    private async Task MoveAsync(
        Run run, BrokerDbContext db, ISealedRecords table, IReadOnlyList<SealedRecord> page, string kekId, CancellationToken cancellationToken)
    {
        var renewed = new byte[page.Count][];
        await Parallel.ForEachAsync(Enumerable.Range(0, page.Count), KekInventory.Options(cancellationToken), async (i, token) =>
        {
            if (!run.Troubled.ContainsKey((table.Kind, page[i].Id)))
            {
                renewed[i] = (await RewrapAsync(run, table, page[i], kekId, token))!;
            }
        });

        var began = time.GetTimestamp();
        var moved = 0;
        await db.InTransactionAsync(
            async () =>
            {
                for (var i = 0; i < page.Count; i++)
                {
                    moved += renewed[i] is { } envelope && await table.ReplaceAsync(db, page[i], envelope, cancellationToken) ? 1 : 0;
                }
            },
            cancellationToken);
        run.Add(moved);

        // SQLite's writers do not queue but ask again: without a pause another would find it taken every time.
        await Task.Delay(time.GetElapsedTime(began), time, cancellationToken);
    }

    private async Task<byte[]?> RewrapAsync(Run run, ISealedRecords table, SealedRecord record, string kekId, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                var renewed = record.KekId == kekId
                    ? record.Envelope
                    : await envelopes.RewrapAsync(record.Envelope, record.Binding, cancellationToken, record.Commitment);
                run.Answered();
                return renewed;
            }
            catch (VaultUnavailableException unavailable) when (run.Unanswered < GivesUpAfter)
            {
                run.Waits(unavailable.Message);
                await Task.Delay(unavailable.RetryAfter ?? TimeSpan.FromSeconds(1), time, cancellationToken);
            }
            catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException or VaultRefusedException)
            {
                if (exception is VaultRefusedException && !await MainAnswersAsync(cancellationToken))
                {
                    continue;
                }

                run.Troubled[(table.Kind, record.Id)] = new TroubledRecord(table.Kind, record.Id, record.KekId, exception.Message);
                return null;
            }
        }
    }

    /// <summary>Where it is the current version that is refused, no record is at fault, and the run ends here.</summary>
    /// <exception cref="VaultRefusedException">It is.</exception>
    private async Task<bool> MainAnswersAsync(CancellationToken cancellationToken)
    {
        try
        {
            await vault.CheckAsync(cancellationToken);
            return true;
        }
        catch (VaultUnavailableException)
        {
            return false;
        }
    }

    private sealed class Run(Action<RewrapProgress> tell, TimeProvider time)
    {
        private long _answeredAt = time.GetTimestamp();

        public ConcurrentDictionary<(string Kind, string Id), TroubledRecord> Troubled { get; } = new();

        public long ToMove { get; set; }

        public long Moved { get; private set; }

        public TimeSpan Unanswered => time.GetElapsedTime(Interlocked.Read(ref _answeredAt));

        public void Answered() => Interlocked.Exchange(ref _answeredAt, time.GetTimestamp());

        public void Add(int moved)
        {
            Moved += moved;
            Tell();
        }

        public void Tell() => tell(new RewrapProgress(Moved, Math.Max(ToMove, Moved), null));

        public void Waits(string why) => tell(new RewrapProgress(Moved, Math.Max(ToMove, Moved), why));
    }
}
