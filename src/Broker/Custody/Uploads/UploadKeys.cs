using System.Collections.Concurrent;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Custody.Uploads;

/// <summary>The public half of an upload key, for a form.</summary>
/// <param name="Id">Which one it is.</param>
/// <param name="PublicKey">The point, uncompressed.</param>
internal sealed record OfferedKey(Guid Id, byte[] PublicKey);

/// <summary>
/// The P-256 keys that browsers seal a person's key to. One is offered for a day and accepted for an hour more; then its
/// row and what is in memory of it go, so that uploads which somebody recorded open never again, not even with the
/// vault. (A backup of the database from before holds the row: with the vault it opens, as the stored keys do.) Made
/// when a form is shown, once however many are; nodes share the table. The vault is asked once a key and node.
/// </summary>
internal sealed class UploadKeys : IDisposable
{
    public const string Purpose = "upload";

    /// <summary>How long a key is accepted after it was last offered: longer than a form may be open.</summary>
    public static readonly TimeSpan AcceptedAfterwards = TimeSpan.FromHours(1);

    private static readonly TimeSpan LooksEvery = TimeSpan.FromMinutes(1);
    private readonly IServiceScopeFactory _scopes;
    private readonly Envelopes _envelopes;
    private readonly IOptions<UploadOptions> _options;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<Guid, OpenKey> _open = new();
    private readonly SemaphoreSlim _one = new(1);
    private readonly ITimer _timer;

    private sealed record OpenKey(Guid Id, byte[] PublicKey, Secret Private, DateTime OfferedUntil, DateTime ExpiresAt);

    public UploadKeys(IServiceScopeFactory scopes, Envelopes envelopes, IOptions<UploadOptions> options, TimeProvider time)
    {
        (_scopes, _envelopes, _options, _time) = (scopes, envelopes, options, time);
        _timer = time.CreateTimer(static self => ((UploadKeys)self!).DropOld(), this, LooksEvery, LooksEvery);
    }

    private DateTime Now => _time.GetUtcNow().UtcDateTime;

    /// <summary>The key that a form is to seal to.</summary>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async ValueTask<OfferedKey> OfferAsync(CancellationToken cancellationToken)
    {
        if (Offered() is { } known)
        {
            return known;
        }

        await _one.WaitAsync(cancellationToken);
        try
        {
            if (Offered() is { } made)
            {
                return made;
            }

            await using var scope = _scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            if (await FindOfferedAsync(db, cancellationToken) is not { } key)
            {
                key = await MakeAsync(db, cancellationToken);
            }

            _open[key.Id] = key;
            return new OfferedKey(key.Id, key.PublicKey);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>Opens what a form sealed.</summary>
    /// <returns>Null where it does not open: changed on its way, bound to something else, or its key is over.</returns>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async Task<Secret?> OpenAsync(Guid keyId, SealedUpload upload, byte[] associatedData, CancellationToken cancellationToken)
    {
        if (await FindAsync(keyId, cancellationToken) is not { } key)
        {
            return null;
        }

        try
        {
            using var recipient = PairOf(key.Private);
            return Hpke.Open(recipient, upload.Encapsulated, SealedUpload.InfoOf(keyId), associatedData, upload.Ciphertext);
        }
        catch (Exception exception) when (exception is CryptographicException or ObjectDisposedException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        _timer.Dispose();
        foreach (var key in _open.Values)
        {
            key.Private.Dispose();
        }

        _one.Dispose();
    }

    /// <summary>Memory alone: rows are deleted by the pruning, and when the next key is made.</summary>
    private void DropOld()
    {
        foreach (var key in _open.Values)
        {
            if (key.ExpiresAt <= Now && _open.TryRemove(key.Id, out var gone))
            {
                gone.Private.Dispose();
            }
        }
    }

    private OfferedKey? Offered()
    {
        var now = Now;
        var newest = _open.Values.Where(k => k.OfferedUntil > now).MaxBy(k => k.OfferedUntil);
        return newest is null ? null : new OfferedKey(newest.Id, newest.PublicKey);
    }

    /// <summary>Another node's, or one from before a restart; only one that opens here is worth offering.</summary>
    private async Task<OpenKey?> FindOfferedAsync(BrokerDbContext db, CancellationToken cancellationToken)
    {
        var since = Now - _options.Value.UploadKeyRotation;
        var row = await db.CustodySecrets.AsNoTracking()
            .Where(s => s.Purpose == Purpose && s.CreatedAt > since)
            .OrderByDescending(s => s.CreatedAt)
            .FirstOrDefaultAsync(cancellationToken);
        try
        {
            return row is null ? null : await OpenAsync(row, cancellationToken);
        }
        catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException)
        {
            return null;
        }
    }

    private async ValueTask<OpenKey?> FindAsync(Guid keyId, CancellationToken cancellationToken)
    {
        if (_open.TryGetValue(keyId, out var known))
        {
            return known.ExpiresAt > Now ? known : null;
        }

        await _one.WaitAsync(cancellationToken);
        try
        {
            if (_open.TryGetValue(keyId, out var found))
            {
                return found;
            }

            var now = Now;
            await using var scope = _scopes.CreateAsyncScope();
            var row = await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().CustodySecrets.AsNoTracking()
                .FirstOrDefaultAsync(s => s.Id == keyId && s.Purpose == Purpose && s.ExpiresAt > now, cancellationToken);
            return row is null ? null : _open[keyId] = await OpenAsync(row, cancellationToken);
        }
        finally
        {
            _one.Release();
        }
    }

    /// <summary>The public half is taken from the sealed one: who can write the row must not be able to name another.</summary>
    private async Task<OpenKey> OpenAsync(CustodySecret row, CancellationToken cancellationToken)
    {
        var secret = await _envelopes.OpenAsync(row.Envelope, BindingOf(row.Id), cancellationToken);
        using var pair = PairOf(secret);
        return new OpenKey(row.Id, Hpke.PointOf(pair), secret, row.CreatedAt + _options.Value.UploadKeyRotation, row.ExpiresAt!.Value);
    }

    private static ECDiffieHellman PairOf(Secret secret)
    {
        var pair = ECDiffieHellman.Create();
        secret.Reveal(bytes =>
        {
            pair.ImportPkcs8PrivateKey(bytes, out _);
            return 0;
        });
        return pair;
    }

    private async Task<OpenKey> MakeAsync(BrokerDbContext db, CancellationToken cancellationToken)
    {
        using var pair = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var encoded = pair.ExportPkcs8PrivateKey();
        var secret = new Secret(encoded);
        CryptographicOperations.ZeroMemory(encoded);

        var (id, now) = (Guid.CreateVersion7(_time.GetUtcNow()), Now);
        var envelope = await _envelopes.SealAsync(secret, BindingOf(id), cancellationToken);
        var row = new CustodySecret
        {
            Id = id,
            Purpose = Purpose,
            Envelope = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            PublicKey = Hpke.PointOf(pair),
            CreatedAt = now,
            ExpiresAt = now + _options.Value.UploadKeyRotation + AcceptedAfterwards,
        };
        await db.InTransactionAsync(
            async () =>
            {
                await db.CustodySecrets.Where(s => s.Purpose == Purpose && s.ExpiresAt <= now).ExecuteDeleteAsync(cancellationToken);
                db.CustodySecrets.Add(row);
            },
            cancellationToken);
        return new OpenKey(id, row.PublicKey, secret, now + _options.Value.UploadKeyRotation, row.ExpiresAt.Value);
    }

    private static EnvelopeBinding BindingOf(Guid id) => new("broker", id.ToString("N"), Purpose);
}
