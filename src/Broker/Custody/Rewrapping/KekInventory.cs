using System.Collections.Concurrent;
using System.Security.Cryptography;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Custody.Rewrapping;

/// <summary>A record that did not open, and why. Never what it holds.</summary>
internal sealed record TroubledRecord(string Kind, string Id, string KekId, string Trouble);

/// <summary>How many records of a kind a KEK version wraps.</summary>
internal sealed record KekUse(string KekId, string Kind, long Records);

/// <summary>
/// What the KEK versions wrap. It counts by what the envelopes say, and not by the column beside them: a version that is
/// retired because a column was wrong takes what it wrapped with it.
/// </summary>
internal sealed class KekInventory(IEnumerable<ISealedRecords> tables, IServiceScopeFactory scopes, Envelopes envelopes, TimeProvider time)
{
    private const int PageSize = 1000;
    private const int AtOnce = 16;

    /// <summary>How often a record is tried again where the vault cannot answer.</summary>
    private const int Tries = 8;

    public IEnumerable<ISealedRecords> Tables => tables;

    /// <summary>Counts every record under the version that its envelope names; under an empty id where none can be read.</summary>
    public async Task<IReadOnlyList<KekUse>> CountAsync(BrokerDbContext db, CancellationToken cancellationToken)
    {
        var counts = new Dictionary<(string KekId, string Kind), long>();
        foreach (var table in tables)
        {
            await foreach (var record in ReadAsync(db, table, cancellationToken))
            {
                var place = (record.KekId, table.Kind);
                counts[place] = counts.GetValueOrDefault(place) + 1;
            }
        }

        return [.. counts.OrderBy(count => count.Key).Select(count => new KekUse(count.Key.KekId, count.Key.Kind, count.Value))];
    }

    /// <summary>Tries the DEK of every record: it must unwrap, and be the one that the record commits to. Nothing that is sealed is opened.</summary>
    /// <param name="tell">Told of each record that was tried.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="VaultUnavailableException">The vault does not answer, even after some patience.</exception>
    public async Task<IReadOnlyList<TroubledRecord>> TryAsync(Action tell, CancellationToken cancellationToken)
    {
        var troubled = new ConcurrentBag<TroubledRecord>();
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        foreach (var table in tables)
        {
            // By pages, and not from an open query: it would keep the write-ahead log from being folded in.
            await foreach (var page in ReadAsync(db, table, cancellationToken).Chunk(PageSize).WithCancellation(cancellationToken))
            {
                await Parallel.ForEachAsync(page, Options(cancellationToken), async (record, token) =>
                {
                    if (await TroubleOfAsync(record, token) is { } trouble)
                    {
                        troubled.Add(new TroubledRecord(table.Kind, record.Id, record.KekId, trouble));
                    }

                    tell();
                });
            }
        }

        return [.. troubled.OrderBy(record => record.Kind).ThenBy(record => record.Id)];
    }

    /// <summary>Tries one record of a version, and the next where only that one is damaged.</summary>
    /// <returns>What is wrong with all of the first few; null where one unwraps.</returns>
    public async Task<string?> TroubleOfOneAsync(BrokerDbContext db, string kekId, CancellationToken cancellationToken)
    {
        string? trouble = null;
        var tried = 0;
        foreach (var table in tables)
        {
            await foreach (var record in ReadAsync(db, table, cancellationToken))
            {
                if (record.KekId == kekId)
                {
                    trouble = await TroubleOfAsync(record, cancellationToken);
                    if (trouble is null || ++tried == Tries)
                    {
                        return trouble;
                    }
                }
            }
        }

        return trouble;
    }

    internal static ParallelOptions Options(CancellationToken cancellationToken) =>
        new() { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken };

    /// <summary>Every record of a table, a page at a time.</summary>
    internal static async IAsyncEnumerable<SealedRecord> ReadAsync(
        BrokerDbContext db, ISealedRecords table, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        SealedRecord? last = null;
        while (await table.PageAsync(db, null, last, PageSize, cancellationToken) is { Count: > 0 } page)
        {
            foreach (var record in page)
            {
                yield return record;
            }

            last = page[^1];
        }
    }

    private async Task<string?> TroubleOfAsync(SealedRecord record, CancellationToken cancellationToken)
    {
        for (var tried = 1; ; tried++)
        {
            try
            {
                await envelopes.CheckAsync(record.Envelope, record.Binding, record.Commitment, cancellationToken);
                return null;
            }
            catch (VaultUnavailableException unavailable) when (tried < Tries)
            {
                await Task.Delay(unavailable.RetryAfter ?? TimeSpan.FromSeconds(1), time, cancellationToken);
            }
            catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException or VaultRefusedException)
            {
                return exception.Message;
            }
        }
    }
}
