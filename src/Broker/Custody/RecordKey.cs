using Microsoft.EntityFrameworkCore;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>
/// A random key of the broker's own that goes into every record's derivation; see <see cref="Envelopes"/>. Made at the
/// first start and kept in the database, sealed by the KEK alone. Another one in its place opens nothing that is there,
/// the server's own keys included, so that the next start fails.
/// </summary>
internal sealed class RecordKey(IServiceScopeFactory scopes, Vault vault, TimeProvider time) : IDisposable
{
    public const string Purpose = "record";
    private static readonly Guid Id = new("00000000-0000-7000-8000-000000000001");
    private readonly SemaphoreSlim _opening = new(1);
    private volatile Secret? _key;

    /// <summary>The envelope's binding; the row's id is the same in every database, so that there is one.</summary>
    public static EnvelopeBinding Binding => new("broker", Id.ToString("N"), Purpose);

    /// <exception cref="InvalidOperationException">It is missing, and the database holds what it sealed.</exception>
    public async ValueTask<Secret> GetAsync(CancellationToken cancellationToken)
    {
        if (_key is { } known)
        {
            return known;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_key is { } opened)
            {
                return opened;
            }

            await using var scope = scopes.CreateAsyncScope();
            var row = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().CustodySecrets.AsNoTracking()
                .FirstOrDefaultAsync(s => s.Id == Id, cancellationToken)
                ?? throw new InvalidOperationException("The database has no record key. Start the broker once, which makes it, or restore the database from its backup.");
            return _key = await Envelopes.OpenRecordKeyAsync(vault, row.Envelope, Binding, cancellationToken);
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>Makes it where there is none yet, then opens it.</summary>
    /// <param name="records">Some of what it may have sealed: of every database that is in use, at least one record.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="InvalidOperationException">It is missing, and the database holds what it sealed.</exception>
    public async Task PrepareAsync(IReadOnlyList<byte[]> records, CancellationToken cancellationToken)
    {
        await using (var scope = scopes.CreateAsyncScope())
        {
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            if (!await db.CustodySecrets.AnyAsync(s => s.Id == Id, cancellationToken))
            {
                await db.InTransactionAsync(() => MakeAsync(db, records, cancellationToken), cancellationToken);
            }
        }

        await GetAsync(cancellationToken);
    }

    public void Dispose()
    {
        _key?.Dispose();
        _opening.Dispose();
    }

    private async Task MakeAsync(BrokerDbContext db, IReadOnlyList<byte[]> records, CancellationToken cancellationToken)
    {
        if (await db.CustodySecrets.AnyAsync(s => s.Id == Id, cancellationToken))
        {
            return;
        }

        if (records.Any(record => EnvelopeFormat.Read(record).Version != EnvelopeFormat.BeforeRewrapping))
        {
            throw new InvalidOperationException("The database holds records but no record key: its row is missing from custody_secrets. Restore the database from its backup; nothing was changed.");
        }

        using var key = Secret.Random(32);
        var sealedKey = await Envelopes.SealRecordKeyAsync(vault, key, Binding, cancellationToken);
        db.CustodySecrets.Add(new CustodySecret
        {
            Id = Id,
            Purpose = Purpose,
            Envelope = sealedKey,
            KekId = Envelopes.KekIdOf(sealedKey),
            CreatedAt = time.GetUtcNow().UtcDateTime,
        });
    }
}
