using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.IdentityModel.Tokens;
using TokenBroker.Custody;
using TokenBroker.Storage;

namespace TokenBroker.Authorization;

/// <summary>
/// The authorization server's own keys: an ES256 key that signs ID tokens and an RSA key that OpenIddict wants for
/// encryption. Made on first start, kept in the database sealed by the KEK, so that a restart keeps every token
/// valid and nothing on disk is usable without the vault.
/// </summary>
internal sealed class ServerKeys(IServiceScopeFactory scopes, Vault vault, TimeProvider time)
{
    private const string Signing = "sig";
    private const string Encryption = "enc";

    /// <summary>Empty until <see cref="LoadAsync"/> ran.</summary>
    public IReadOnlyList<SecurityKey> SigningKeys { get; private set; } = [];

    /// <inheritdoc cref="SigningKeys"/>
    public IReadOnlyList<SecurityKey> EncryptionKeys { get; private set; } = [];

    public async Task LoadAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        await db.InTransactionAsync(
            async () =>
            {
                var rows = await db.ServerKeys.AsNoTracking().OrderByDescending(k => k.CreatedAt).ToListAsync(cancellationToken);
                SigningKeys = await OpenAsync(db, rows, Signing, cancellationToken);
                EncryptionKeys = await OpenAsync(db, rows, Encryption, cancellationToken);
            },
            cancellationToken);
    }

    private async Task<IReadOnlyList<SecurityKey>> OpenAsync(
        BrokerDbContext db, List<ServerKey> rows, string use, CancellationToken cancellationToken)
    {
        var mine = rows.Where(row => row.Use == use).ToList();
        if (mine.Count == 0)
        {
            var made = await MakeAsync(use, cancellationToken);
            db.ServerKeys.Add(made);
            mine.Add(made);
        }

        var keys = new List<SecurityKey>();
        foreach (var row in mine)
        {
            using var pkcs8 = await KeyEnvelope.OpenAsync(vault, row.SealedPrivateKey, BindingOf(row.Id, use), cancellationToken);
            keys.Add(Import(pkcs8, row.Id, use));
        }

        return keys;
    }

    private async Task<ServerKey> MakeAsync(string use, CancellationToken cancellationToken)
    {
        using AsymmetricAlgorithm algorithm = use == Signing ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(2048);
        var bytes = algorithm.ExportPkcs8PrivateKey();
        using var pkcs8 = new Secret(bytes);
        CryptographicOperations.ZeroMemory(bytes);

        var id = Guid.CreateVersion7(time.GetUtcNow());
        return new ServerKey
        {
            Id = id,
            Use = use,
            SealedPrivateKey = await KeyEnvelope.SealAsync(vault, pkcs8, BindingOf(id, use), cancellationToken),
            KekId = vault.CurrentKeyId,
            CreatedAt = time.GetUtcNow().UtcDateTime,
            ActivatesAt = time.GetUtcNow().UtcDateTime,
            ExpiresAt = time.GetUtcNow().UtcDateTime.AddDays(180),
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

    private static EnvelopeBinding BindingOf(Guid id, string use) => new("broker", id.ToString("N"), $"server-key:{use}");
}
