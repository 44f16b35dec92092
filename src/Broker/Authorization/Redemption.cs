using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Grants;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization;

/// <summary>
/// Redeems a code or refresh token exactly once, under any concurrency: one conditional UPDATE decides, inside the
/// transaction that also stores the tokens it gives, so that a crash between the two leaves the old token usable.
/// They are made before that transaction and kept here until it: the database is held for its statements alone, and
/// whoever loses the race has made tokens that nobody knows.
/// The response is kept on the redeemed refresh token, sealed under a key derived from that token itself (which is
/// not stored) and the DPoP key that was proven with it: a client whose answer was lost gets the same successor again
/// inside the leeway, never a second one, and with another key it gets nothing.
/// </summary>
internal sealed class Redemption(BrokerDbContext db, RequestProof proof, EndGrant endGrant, TimeProvider time)
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly List<Token> _issued = [];
    private (Guid TokenId, Guid GrantId)? _taking;
    private Func<CancellationToken, Task>? _alongside;

    /// <summary>True while what is issued is kept for <see cref="CompleteAsync"/>.</summary>
    public bool IsUnderWay => _taking is not null;

    /// <summary>Begins to redeem the token that OpenIddict has just read.</summary>
    /// <returns>False where it was redeemed, revoked, or never there.</returns>
    public async Task<bool> TryBeginAsync(Guid tokenId, Guid grantId, CancellationToken cancellationToken)
    {
        // Tracked since it was validated: this asks nobody.
        if (await db.Tokens.FindAsync([tokenId], cancellationToken) is not { Status: Statuses.Valid })
        {
            return false;
        }

        _taking = (tokenId, grantId);
        return true;
    }

    /// <summary>A token that is stored if the redemption succeeds.</summary>
    public void Keep(Token token)
    {
        token.Id = Guid.CreateVersion7(time.GetUtcNow());
        _issued.Add(token);
    }

    /// <summary>What else is stored if the redemption succeeds, in its transaction.</summary>
    public void Alongside(Func<CancellationToken, Task> work) => _alongside = work;

    /// <summary>Stores the redemption with everything that was issued for it; called when the response is complete.</summary>
    /// <returns>What is to be answered: the response, or in its place what somebody gets who was not first.</returns>
    public async Task<OpenIddictResponse> CompleteAsync(OpenIddictRequest request, OpenIddictResponse response, CancellationToken cancellationToken)
    {
        // Where nothing is given, nothing is used up.
        if (_taking is not var (tokenId, grantId) || !string.IsNullOrEmpty(response.Error))
        {
            return response;
        }

        _taking = null;
        var successor = request.RefreshToken is { } refreshToken ? Seal(refreshToken, response) : null;
        var now = time.GetUtcNow().UtcDateTime;
        var isFirst = false;
        await db.InSharedTransactionAsync(
            async () =>
            {
                isFirst = await db.Tokens
                    .Where(t => t.Id == tokenId && t.Status == Statuses.Valid)
                    .ExecuteUpdateAsync(
                        set => set
                            .SetProperty(t => t.Status, Statuses.Redeemed)
                            .SetProperty(t => t.RedemptionDate, now)
                            .SetProperty(t => t.SealedSuccessor, successor),
                        cancellationToken) == 1;
                if (isFirst)
                {
                    db.Tokens.AddRange(_issued);
                    await (_alongside?.Invoke(cancellationToken) ?? Task.CompletedTask);
                }
            },
            cancellationToken);
        if (isFirst)
        {
            return response;
        }

        var replay = await AnswerReplayAsync(request, tokenId, grantId, cancellationToken);
        return replay.Successor is { } json ? Read(json) : new OpenIddictResponse { Error = Errors.InvalidGrant, ErrorDescription = replay.Refusal };
    }

    /// <summary>
    /// What somebody gets whose token was redeemed before. For a refresh token inside the leeway (OpenIddict refuses it outside)
    /// that is a retry or a parallel call: the same response again, as JSON. For a code it is a replay, which ends what the code gave.
    /// </summary>
    public async Task<(byte[]? Successor, string? Refusal)> AnswerReplayAsync(OpenIddictRequest request, Guid tokenId, Guid grantId, CancellationToken cancellationToken)
    {
        if (!request.IsRefreshTokenGrantType())
        {
            await endGrant.RunAsync(grantId, "code_replay", "system", cancellationToken);
            return (null, "The code was used before. All that it gave is revoked; start a new authorization.");
        }

        var successor = await db.Tokens.AsNoTracking()
            .Where(t => t.Id == tokenId && t.Status == Statuses.Redeemed)
            .Select(t => t.SealedSuccessor)
            .FirstOrDefaultAsync(cancellationToken);
        return successor is not null && Open(request.RefreshToken!, successor) is { } json
            ? (json, null)
            : (null, "The refresh token was revoked, or this retry proves another DPoP key than the first use. Send the user through the authorization endpoint again.");
    }

    private static OpenIddictResponse Read(byte[] json)
    {
        using var document = System.Text.Json.JsonDocument.Parse(json);
        return new OpenIddictResponse(document.RootElement.Clone());
    }

    private byte[] Seal(string refreshToken, OpenIddictResponse response)
    {
        var json = System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(response);
        var record = new byte[NonceSize + json.Length + TagSize];
        RandomNumberGenerator.Fill(record.AsSpan(0, NonceSize));
        using var aes = new AesGcm(KeyOf(refreshToken), TagSize);
        aes.Encrypt(record.AsSpan(0, NonceSize), json, record.AsSpan(NonceSize, json.Length), record.AsSpan(NonceSize + json.Length));
        CryptographicOperations.ZeroMemory(json);
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
