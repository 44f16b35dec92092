using System.Buffers.Text;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>
/// Names a person to providers without saying who they are: the HMAC-SHA256 of their id under a random secret of the
/// broker. It is the same in every app and after every restart, so that a provider that sees abuse can stop the one
/// person; and nobody without the secret, the provider included, can tell whose it is or try addresses against it. The
/// secret is made at the first start and kept in the database, sealed like every other.
/// </summary>
internal sealed class SafetyIdentifiers(IServiceScopeFactory scopes, Envelopes envelopes, TimeProvider time) : IDisposable
{
    private const string Purpose = "identifier";

    /// <summary>The row's id is the same in every database, so that there is one.</summary>
    private static readonly Guid Id = new("00000000-0000-7000-8000-000000000002");
    private readonly SemaphoreSlim _opening = new(1);
    private volatile Secret? _secret;

    /// <returns>43 characters of base64url.</returns>
    public async ValueTask<string> OfAsync(Guid userId, CancellationToken cancellationToken)
    {
        var secret = _secret ?? await OpenAsync(cancellationToken);
        return secret.Reveal(key =>
        {
            Span<byte> id = stackalloc byte[16];
            userId.TryWriteBytes(id, bigEndian: true, out _);
            Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
            HMACSHA256.HashData(key, id, hash);
            return Base64Url.EncodeToString(hash);
        });
    }

    /// <summary>Opens the secret, and makes it first where there is none.</summary>
    public async Task<Secret> OpenAsync(CancellationToken cancellationToken)
    {
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

    private static EnvelopeBinding Binding => new("broker", Id.ToString("N"), Purpose);

    private static Task<byte[]?> FindAsync(BrokerDbContext db, CancellationToken cancellationToken) =>
        db.CustodySecrets.AsNoTracking().Where(s => s.Id == Id).Select(s => s.Envelope).FirstOrDefaultAsync(cancellationToken);

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
            Id = Id,
            Purpose = Purpose,
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            CreatedAt = time.GetUtcNow().UtcDateTime,
        });
    }
}
