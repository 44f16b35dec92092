using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Authorization.Keys;

/// <summary>
/// The authorization server's own keys: ES256 keys that sign ID tokens and RSA keys that OpenIddict wants for
/// encryption. They are kept in the database sealed by the KEK, so that a restart keeps every token valid and nothing on
/// disk is usable without the vault. A key is announced in the JWKS before it signs and stays there after, so that no
/// client meets a signature whose key it could not have known; a key that was lost to a thief is of use for one term.
/// </summary>
internal sealed class ServerKeys(IServiceScopeFactory scopes, Envelopes envelopes, IOptions<KeyRotationOptions> options, TimeProvider time)
{
    private const string Signing = "sig";
    private const string Encryption = "enc";
    private readonly Dictionary<Guid, SecurityKey> _opened = [];

    /// <summary>
    /// Keeps signers apart from those of the rest of the process: the cache that all share disposes of the oldest when it is
    /// full, even while a request is about to sign with it.
    /// </summary>
    private readonly CryptoProviderFactory _signers = new(new InMemoryCryptoProviderCache());
    private volatile KeySet _keys = new([], []);

    /// <summary>The one that signs first, then the others of the JWKS. Empty until <see cref="RefreshAsync"/> ran.</summary>
    public IReadOnlyList<SecurityKey> SigningKeys => _keys.Signing;

    /// <inheritdoc cref="SigningKeys"/>
    public IReadOnlyList<SecurityKey> EncryptionKeys => _keys.Encryption;

    /// <summary>Brings the keys up to the schedule: makes the next, lets go of the last, reads what another node did. Not for parallel use.</summary>
    /// <returns>Whether the keys, or which one signs, changed.</returns>
    public async Task<bool> RefreshAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var audit = scope.ServiceProvider.GetRequiredService<AuditLog>();
        var rows = await ReadAsync(db, cancellationToken);
        if (IsDue(rows, Signing) || IsDue(rows, Encryption))
        {
            await db.InTransactionAsync(
                async () =>
                {
                    await FollowScheduleAsync(db, audit, Signing, cancellationToken);
                    await FollowScheduleAsync(db, audit, Encryption, cancellationToken);
                },
                cancellationToken);
            rows = await ReadAsync(db, cancellationToken);
        }

        var keys = new KeySet(await OpenAsync(rows, Signing, cancellationToken), await OpenAsync(rows, Encryption, cancellationToken));
        var changed = !keys.Signing.SequenceEqual(_keys.Signing) || !keys.Encryption.SequenceEqual(_keys.Encryption);
        _keys = keys;
        foreach (var gone in _opened.Keys.Except(rows.Select(row => row.Id)).ToList())
        {
            _opened.Remove(gone);
        }

        return changed;
    }

    private static Task<List<ServerKey>> ReadAsync(BrokerDbContext db, CancellationToken cancellationToken) =>
        db.ServerKeys.AsNoTracking().OrderBy(k => k.ActivatesAt).ThenBy(k => k.Id).ToListAsync(cancellationToken);

    private DateTime Now => time.GetUtcNow().UtcDateTime;

    private bool IsDue(IEnumerable<ServerKey> rows, string use)
    {
        var mine = rows.Where(row => row.Use == use).ToList();
        return mine.Count == 0 || mine.Any(row => row.ExpiresAt <= Now) || Now >= mine[^1].ActivatesAt + options.Value.RotateEvery - options.Value.AnnounceFor;
    }

    /// <summary>Inside the transaction, on rows that are read there: of several nodes one makes the next key.</summary>
    private async Task FollowScheduleAsync(BrokerDbContext db, AuditLog audit, string use, CancellationToken cancellationToken)
    {
        var rows = await db.ServerKeys.Where(k => k.Use == use).OrderBy(k => k.ActivatesAt).ThenBy(k => k.Id).ToListAsync(cancellationToken);
        foreach (var gone in rows.Where(row => row.ExpiresAt <= Now).ToList())
        {
            db.ServerKeys.Remove(gone);
            rows.Remove(gone);
            await audit.RecordAsync("server_key.removed", "system", $"server_key:{gone.Id}", null, new { use }, cancellationToken);
        }

        var last = rows.LastOrDefault();
        if (last is not null && Now < last.ActivatesAt + options.Value.RotateEvery - options.Value.AnnounceFor)
        {
            return;
        }

        // Late, after a long time switched off, it is announced from now on, and the one before it signs until then.
        var planned = last is null ? Now : last.ActivatesAt + options.Value.RotateEvery;
        var next = await MakeAsync(use, last is null || planned > Now + options.Value.AnnounceFor ? planned : Now + options.Value.AnnounceFor, cancellationToken);
        db.ServerKeys.Add(next);
        if (last is not null)
        {
            last.ExpiresAt = next.ActivatesAt + options.Value.RetainFor;
        }

        await audit.RecordAsync(
            "server_key.made", "system", $"server_key:{next.Id}", null, new { use, activates_at = next.ActivatesAt }, cancellationToken);
    }

    private async Task<IReadOnlyList<SecurityKey>> OpenAsync(IEnumerable<ServerKey> rows, string use, CancellationToken cancellationToken)
    {
        var mine = rows.Where(row => row.Use == use).ToList();
        var active = mine.LastOrDefault(row => row.ActivatesAt <= Now) ?? mine[0];
        var keys = new List<SecurityKey>();
        foreach (var row in mine.OrderByDescending(row => row == active))
        {
            if (!_opened.TryGetValue(row.Id, out var key))
            {
                using var pkcs8 = await envelopes.OpenAsync(row.SealedPrivateKey, BindingOf(row.Id, use), cancellationToken);
                _opened[row.Id] = key = Import(pkcs8, row.Id, use);
                key.CryptoProviderFactory = _signers;
            }

            keys.Add(key);
        }

        return keys;
    }

    private async Task<ServerKey> MakeAsync(string use, DateTime activatesAt, CancellationToken cancellationToken)
    {
        using AsymmetricAlgorithm algorithm = use == Signing ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        var bytes = algorithm.ExportPkcs8PrivateKey();
        using var pkcs8 = new Secret(bytes);
        CryptographicOperations.ZeroMemory(bytes);

        var id = Guid.CreateVersion7(time.GetUtcNow());
        var envelope = await envelopes.SealAsync(pkcs8, BindingOf(id, use), cancellationToken);
        return new ServerKey
        {
            Id = id,
            Use = use,
            SealedPrivateKey = envelope,
            KekId = Envelopes.KekIdOf(envelope),
            CreatedAt = Now,
            ActivatesAt = activatesAt,
            ExpiresAt = activatesAt + options.Value.RotateEvery + options.Value.RetainFor,
        };
    }

    private static SecurityKey Import(Secret pkcs8, Guid id, string use)
    {
        if (use == Signing)
        {
            var ecdsa = ECDsa.Create();
            pkcs8.Reveal(bytes => { ecdsa.ImportPkcs8PrivateKey(bytes, out var read); return read; });
            return new ECDsaSecurityKey(ecdsa) { KeyId = id.ToString("N") };
        }

        var rsa = RSA.Create();
        pkcs8.Reveal(bytes => { rsa.ImportPkcs8PrivateKey(bytes, out var read); return read; });
        return new RsaSecurityKey(rsa) { KeyId = id.ToString("N") };
    }

    /// <summary>What the envelope of a row is bound to.</summary>
    public static EnvelopeBinding BindingOf(Guid id, string use) => new("broker", id.ToString("N"), $"server-key:{use}");

    private sealed record KeySet(IReadOnlyList<SecurityKey> Signing, IReadOnlyList<SecurityKey> Encryption);
}
