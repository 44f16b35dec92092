using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>
/// A random secret of the broker's own that others are derived from. It is made when it is first needed and kept in the
/// database, sealed like every other.
/// </summary>
/// <param name="id">The row's id: the same in every database, so that there is one.</param>
/// <param name="purpose">What it is for; bound into its envelope.</param>
/// <param name="scopes">Reads and makes the row.</param>
/// <param name="envelopes">Seals and opens it.</param>
/// <param name="time">When it was made.</param>
internal sealed class RootSecret(Guid id, string purpose, IServiceScopeFactory scopes, Envelopes envelopes, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _opening = new(1);
    private volatile Secret? _secret;

    private EnvelopeBinding Binding => new("broker", id.ToString("N"), purpose);

    /// <summary>Opens the secret, and makes it first where there is none.</summary>
    public async ValueTask<Secret> GetAsync(CancellationToken cancellationToken)
    {
        if (_secret is { } known)
        {
            return known;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (_secret is { } opened)
            {
                return opened;
            }

            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            if (await FindAsync(db, cancellationToken) is not { } envelope)
            {
                await db.InTransactionAsync(() => MakeAsync(db, cancellationToken), cancellationToken);
                envelope = (await FindAsync(db, cancellationToken))!;
            }

            return _secret = await envelopes.OpenAsync(envelope, Binding, cancellationToken);
        }
        finally
        {
            _opening.Release();
        }
    }

    public void Dispose()
    {
        _secret?.Dispose();
        _opening.Dispose();
    }

    private Task<byte[]?> FindAsync(BrokerDbContext db, CancellationToken cancellationToken) =>
        db.CustodySecrets.AsNoTracking().Where(s => s.Id == id).Select(s => s.Envelope).FirstOrDefaultAsync(cancellationToken);

    /// <summary>Inside the transaction: of nodes that start at once, one makes it.</summary>
    private async Task MakeAsync(BrokerDbContext db, CancellationToken cancellationToken)
    {
        if (await FindAsync(db, cancellationToken) is not null)
        {
            return;
        }

        using var secret = Secret.Random(32);
        var envelope = await envelopes.SealAsync(secret, Binding, cancellationToken);
        db.CustodySecrets.Add(new CustodySecret
        {
            Id = id,
            Purpose = purpose,
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            CreatedAt = time.GetUtcNow().UtcDateTime,
        });
    }
}
