using System.Security.Cryptography;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Custody;

/// <summary>What a record's commitment is made from, and so whether it can be checked without the token that carries a part.</summary>
internal enum CommitmentOf
{
    /// <summary>The record key's own record.</summary>
    DataKeyAlone,

    /// <summary>What the broker opens by itself.</summary>
    DataAndRecordKey,

    /// <summary>What opens with a carrier, which is not here: its commitment cannot be checked.</summary>
    Carrier,
}

/// <summary>
/// Seals secrets for rest and opens them. A fresh 256-bit DEK per record, wrapped by the KEK; AES-256-GCM with a random
/// 96-bit nonce and a 128-bit tag; associated data binds owner, record, purpose and format; since GCM commits to no key,
/// an HKDF commitment to the DEK stands beside it. The record key goes into every derivation: where the KEK is an RSA key,
/// whose public half anybody may wrap with, one who can write the database still cannot make a record that opens. A
/// carrier, where one is given, goes in as well: without it vault and database together open nothing.
/// </summary>
/// <param name="vault">Wraps the DEKs.</param>
/// <param name="recordKey">Gives the <see cref="RecordKey"/>.</param>
internal sealed class Envelopes(Vault vault, Func<CancellationToken, ValueTask<Secret>> recordKey)
{
    private const int KeySize = 32;
    private static readonly byte[] EncryptInfo = "tokenbroker envelope 2 encrypt"u8.ToArray();
    private static readonly byte[] CommitInfo = "tokenbroker envelope 2 commit"u8.ToArray();
    private static readonly byte[] FirstEncryptInfo = "tokenbroker envelope 1 encrypt"u8.ToArray();
    private static readonly byte[] FirstCommitInfo = "tokenbroker envelope 1 commit"u8.ToArray();

    /// <summary>The versioned id of the KEK that wraps a record's DEK.</summary>
    public static string KekIdOf(ReadOnlyMemory<byte> record) => EnvelopeFormat.Read(record).Wrapped.KekId;

    /// <param name="secret">What to seal.</param>
    /// <param name="binding">What it belongs to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="carrier">A further secret without which it does not open; kept by nobody here.</param>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<byte[]> SealAsync(Secret secret, EnvelopeBinding binding, CancellationToken cancellationToken, Secret? carrier = null)
    {
        using var dek = Secret.Random(KeySize);
        return Seal(secret, binding, dek, await WrapAsync(dek, binding, cancellationToken), await recordKey(cancellationToken), carrier);
    }

    /// <exception cref="CryptographicException">The record was changed, moved, or sealed by another key.</exception>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<Secret> OpenAsync(ReadOnlyMemory<byte> record, EnvelopeBinding binding, CancellationToken cancellationToken, Secret? carrier = null)
    {
        var envelope = EnvelopeFormat.Read(record);
        using var dek = await vault.UnwrapAsync(envelope.Wrapped, binding, cancellationToken);
        return Open(envelope, binding, dek, await recordKey(cancellationToken), carrier);
    }

    /// <summary>Finds out whether the record's DEK unwraps and is the one that the record commits to; what it seals stays sealed.</summary>
    /// <exception cref="CryptographicException">It is not.</exception>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task CheckAsync(ReadOnlyMemory<byte> record, EnvelopeBinding binding, CommitmentOf commitment, CancellationToken cancellationToken)
    {
        var envelope = EnvelopeFormat.Read(record);
        using var dek = await vault.UnwrapAsync(envelope.Wrapped, binding, cancellationToken);
        await RequireCommittedAsync(envelope, dek, commitment, cancellationToken);
    }

    /// <summary>Wraps the record's DEK with the current KEK; what it seals stays sealed. A record of format 1 is sealed anew, for which it is opened.</summary>
    /// <param name="record">The record.</param>
    /// <param name="binding">What it belongs to.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="commitment">What it commits to, where that can be checked.</param>
    /// <exception cref="CryptographicException">The DEK is not this record's.</exception>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<byte[]> RewrapAsync(
        ReadOnlyMemory<byte> record, EnvelopeBinding binding, CancellationToken cancellationToken, CommitmentOf commitment = CommitmentOf.Carrier)
    {
        var envelope = EnvelopeFormat.Read(record);
        if (envelope.Version == EnvelopeFormat.BeforeRewrapping)
        {
            using var secret = await OpenAsync(record, binding, cancellationToken);
            return await SealAsync(secret, binding, cancellationToken);
        }

        using var dek = await vault.UnwrapAsync(envelope.Wrapped, binding, cancellationToken);
        await RequireCommittedAsync(envelope, dek, commitment, cancellationToken);
        return envelope.WithWrappedKey(await WrapAsync(dek, binding, cancellationToken));
    }

    /// <summary>The record key's own envelope: under the KEK alone.</summary>
    internal static async Task<byte[]> SealRecordKeyAsync(Vault vault, Secret key, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        using var none = new Secret([]);
        return await new Envelopes(vault, _ => ValueTask.FromResult(none)).SealAsync(key, binding, cancellationToken);
    }

    /// <inheritdoc cref="SealRecordKeyAsync"/>
    internal static async Task<Secret> OpenRecordKeyAsync(Vault vault, ReadOnlyMemory<byte> record, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        using var none = new Secret([]);
        return await new Envelopes(vault, _ => ValueTask.FromResult(none)).OpenAsync(record, binding, cancellationToken);
    }

    private async Task RequireCommittedAsync(EnvelopeFormat envelope, Secret dek, CommitmentOf commitment, CancellationToken cancellationToken)
    {
        if (commitment == CommitmentOf.Carrier)
        {
            return;
        }

        using var none = new Secret([]);
        var first = envelope.Version == EnvelopeFormat.BeforeRewrapping;
        var salt = first || commitment == CommitmentOf.DataKeyAlone ? none : await recordKey(cancellationToken);
        RequireCommitted(envelope, dek, salt, null, first);
    }

    private static void RequireCommitted(EnvelopeFormat envelope, Secret dek, Secret salt, Secret? carrier, bool first)
    {
        Span<byte> committed = stackalloc byte[KeySize];
        Derive(dek, salt, carrier, first ? FirstCommitInfo : CommitInfo, committed);
        if (!CryptographicOperations.FixedTimeEquals(committed, envelope.Commitment))
        {
            throw new CryptographicException("The record is not sealed by this data key.");
        }
    }

    private static byte[] Seal(Secret secret, EnvelopeBinding binding, Secret dek, WrappedKey wrapped, Secret recordKey, Secret? carrier)
    {
        var (record, commitmentAt) = EnvelopeFormat.Make(wrapped, secret.Length);
        Derive(dek, recordKey, carrier, CommitInfo, record.AsSpan(commitmentAt, EnvelopeFormat.CommitmentSize));
        var nonceAt = commitmentAt + EnvelopeFormat.CommitmentSize;
        RandomNumberGenerator.Fill(record.AsSpan(nonceAt, EnvelopeFormat.NonceSize));
        var associatedData = EnvelopeFormat.Read(record).AssociatedData(binding);

        Span<byte> key = stackalloc byte[KeySize];
        Derive(dek, recordKey, carrier, EncryptInfo, key);
        using var aes = new AesGcm(key, EnvelopeFormat.TagSize);
        CryptographicOperations.ZeroMemory(key);
        secret.Reveal(plain =>
        {
            var body = record.AsSpan(nonceAt + EnvelopeFormat.NonceSize);
            aes.Encrypt(
                record.AsSpan(nonceAt, EnvelopeFormat.NonceSize), plain,
                body[..^EnvelopeFormat.TagSize], body[^EnvelopeFormat.TagSize..], associatedData);
            return 0;
        });
        return record;
    }

    private static Secret Open(EnvelopeFormat envelope, EnvelopeBinding binding, Secret dek, Secret recordKey, Secret? carrier)
    {
        var first = envelope.Version == EnvelopeFormat.BeforeRewrapping;
        using var none = new Secret([]);
        var salt = first ? none : recordKey;
        RequireCommitted(envelope, dek, salt, carrier, first);

        Span<byte> key = stackalloc byte[KeySize];
        Derive(dek, salt, carrier, first ? FirstEncryptInfo : EncryptInfo, key);
        using var aes = new AesGcm(key, EnvelopeFormat.TagSize);
        CryptographicOperations.ZeroMemory(key);

        var plain = GC.AllocateUninitializedArray<byte>(envelope.Ciphertext.Length, pinned: true);
        try
        {
            aes.Decrypt(envelope.Nonce, envelope.Ciphertext, envelope.Tag, plain, envelope.AssociatedData(binding));
            return new Secret(plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private async Task<WrappedKey> WrapAsync(Secret dek, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        var plain = GC.AllocateUninitializedArray<byte>(dek.Length, pinned: true);
        try
        {
            dek.CopyTo(plain);
            return await vault.WrapAsync(plain, binding, cancellationToken);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    /// <summary>HKDF-SHA256 over the DEK and the carrier, which both have a fixed length, salted with the record key.</summary>
    private static void Derive(Secret dek, Secret recordKey, Secret? carrier, byte[] info, Span<byte> output)
    {
        if (carrier is { Length: not KeySize } || dek.Length != KeySize)
        {
            throw new CryptographicException("A data key or a carrier has the wrong length.");
        }

        var derived = GC.AllocateUninitializedArray<byte>(KeySize, pinned: true);
        recordKey.Reveal(salt =>
        {
            Span<byte> material = stackalloc byte[KeySize * 2];
            material = material[..(carrier is null ? KeySize : KeySize * 2)];
            dek.CopyTo(material);
            carrier?.CopyTo(material[KeySize..]);

            HKDF.DeriveKey(HashAlgorithmName.SHA256, material, derived, salt, info);
            CryptographicOperations.ZeroMemory(material);
            return 0;
        });
        derived.CopyTo(output);
        CryptographicOperations.ZeroMemory(derived);
    }
}
