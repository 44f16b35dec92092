using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Storage;

namespace TokenBroker.Authorization;

/// <summary>
/// Redeems a code or refresh token exactly once, under any concurrency: one conditional UPDATE decides, inside the
/// transaction that also stores the tokens it gives, so that a crash between the two leaves the old token usable.
/// The response is kept on the redeemed refresh token, sealed under a key derived from that token itself (which is
/// not stored) and the DPoP key that was proven with it: a client whose answer was lost gets the same successor again
/// inside the leeway, never a second one, and with another key it gets nothing.
/// </summary>
internal sealed class Redemption(BrokerDbContext db, RequestProof proof, TimeProvider time)
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private Guid? _tokenId;

    /// <summary>Opens the transaction and takes the token. It stays open until <see cref="CompleteAsync"/>; a request that fails before rolls back with its scope.</summary>
    /// <returns>False where the token was redeemed, revoked, or never there; nothing is then open.</returns>
    public async Task<bool> TryTakeAsync(Guid tokenId, CancellationToken cancellationToken)
    {
        var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        var now = time.GetUtcNow().UtcDateTime;
        var taken = await db.Tokens
            .Where(t => t.Id == tokenId && t.Status == OpenIddictConstants.Statuses.Valid)
            .ExecuteUpdateAsync(
                set => set
                    .SetProperty(t => t.Status, OpenIddictConstants.Statuses.Redeemed)
                    .SetProperty(t => t.RedemptionDate, now),
                cancellationToken);
        if (taken == 1)
        {
            _tokenId = tokenId;
            return true;
        }

        await transaction.DisposeAsync();
        return false;
    }

    /// <summary>Commits the redemption with everything that was issued for it; called when the response is complete.</summary>
    public async Task CompleteAsync(OpenIddictResponse response, string? refreshToken, CancellationToken cancellationToken)
    {
        if (_tokenId is not { } tokenId || db.Database.CurrentTransaction is not { } transaction)
        {
            return;
        }

        if (!string.IsNullOrEmpty(response.Error))
        {
            // Nothing was given, so nothing was used up.
            await transaction.RollbackAsync(cancellationToken);
            return;
        }

        if (refreshToken is not null)
        {
            var bytes = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(response);
            var successor = Seal(refreshToken, bytes);
            CryptographicOperations.ZeroMemory(bytes);
            await db.Tokens.Where(t => t.Id == tokenId)
                .ExecuteUpdateAsync(set => set.SetProperty(t => t.SealedSuccessor, successor), cancellationToken);
        }

        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>The JSON response that an earlier use of this refresh token gave.</summary>
    /// <returns>Null where the token is not redeemed, was revoked since, or was redeemed with another DPoP key than this request's.</returns>
    public async Task<byte[]?> SuccessorOfAsync(Guid tokenId, string refreshToken, CancellationToken cancellationToken)
    {
        var sealedSuccessor = await db.Tokens.AsNoTracking()
            .Where(t => t.Id == tokenId && t.Status == OpenIddictConstants.Statuses.Redeemed)
            .Select(t => t.SealedSuccessor)
            .FirstOrDefaultAsync(cancellationToken);
        return sealedSuccessor is null ? null : Open(refreshToken, sealedSuccessor);
    }

    private byte[] Seal(string refreshToken, ReadOnlySpan<byte> response)
    {
        var record = new byte[NonceSize + response.Length + TagSize];
        RandomNumberGenerator.Fill(record.AsSpan(0, NonceSize));
        using var aes = new AesGcm(KeyOf(refreshToken), TagSize);
        aes.Encrypt(record.AsSpan(0, NonceSize), response, record.AsSpan(NonceSize, response.Length), record.AsSpan(NonceSize + response.Length));
        return record;
    }

    private byte[]? Open(string refreshToken, ReadOnlySpan<byte> record)
    {
        var response = new byte[record.Length - NonceSize - TagSize];
        using var aes = new AesGcm(KeyOf(refreshToken), TagSize);
        try
        {
            aes.Decrypt(record[..NonceSize], record[NonceSize..^TagSize], record[^TagSize..], response);
            return response;
        }
        catch (AuthenticationTagMismatchException)
        {
            return null;
        }
    }

    private byte[] KeyOf(string refreshToken) => HKDF.DeriveKey(
        HashAlgorithmName.SHA256,
        Encoding.UTF8.GetBytes(refreshToken),
        32,
        salt: [],
        info: [.. "tokenbroker refresh successor"u8, .. Encoding.ASCII.GetBytes(proof.Thumbprint ?? "")]);
}
