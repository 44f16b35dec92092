using System.Collections.Immutable;
using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Carriers;

/// <summary>
/// What is to be issued for a grant whose key is never stored: a carrier for the access token, one for whatever gives the
/// next tokens, and their rows.
/// </summary>
internal sealed record Carried(Carrier? Access, Carrier? Next, IReadOnlyList<CarriedKey> Rows, Guid? UsedUp);

/// <summary>
/// Hands a never-stored key from token to token: what the presented code or token carries is opened and sealed anew for
/// each token that is issued, and what is used up is deleted in the transaction that issues them. The vault is asked
/// before that transaction begins: nobody waits for it while the database is locked.
/// </summary>
internal sealed class IssueCarriers(BrokerDbContext db, CarriedKeys keys, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan CodeLifetime = TimeSpan.FromSeconds(60);

    private (Guid GrantId, Secret Key)? _forCode;

    /// <summary>For a code that is about to be issued: the key has just been given, at consent. The secret is this object's from now on.</summary>
    public void Hold(Guid grantId, Secret key) => _forCode = (grantId, key);

    /// <summary>The code has been made: seals the key that is held for it, if any.</summary>
    public async Task GiveToCodeAsync(Guid codeId, string code, CancellationToken cancellationToken)
    {
        if (_forCode is not var (grantId, key))
        {
            return;
        }

        var row = await keys.SealAsync(grantId, key, Carrier.OfCode(codeId, code), Now + CodeLifetime, cancellationToken);
        db.CarriedKeys.Add(row);
        await db.SaveChangesAsync(cancellationToken);
    }

    public void Dispose() => _forCode?.Key.Dispose();

    /// <summary>For tokens: opens what the code or refresh token carries, and seals it for those to come.</summary>
    /// <returns>Null where it carries nothing that opens.</returns>
    /// <inheritdoc cref="Custody.Vaults.IKeyVault" path="/remarks"/>
    public async Task<Carried?> RenewAsync(
        OpenIddictRequest request, ClaimsPrincipal presented, Grant grant, ImmutableArray<string> scopes, TimeSpan left, CancellationToken cancellationToken)
    {
        var found = request.IsAuthorizationCodeGrantType() ? Carrier.OfCode(Guid.Parse(presented.GetTokenId()!), request.Code!) : CarrierClaims.Read(presented);
        if (found is not { } carrier)
        {
            return null;
        }

        using var key = await keys.OpenAsync(carrier, cancellationToken);
        if (key is null)
        {
            return null;
        }

        var (access, forAccess) = await keys.SealAsync(grant.Id, key, Now + IssuedIdentity.Shorter(IssuedIdentity.AccessTokenLifetime, left), cancellationToken);
        if (!scopes.Contains(Scopes.OfflineAccess))
        {
            return new Carried(forAccess, null, [access], carrier.RowId);
        }

        var (next, forNext) = await keys.SealAsync(grant.Id, key, Now + IssuedIdentity.Shorter(IssuedIdentity.RefreshTokenLifetime, left), cancellationToken);
        return new Carried(forAccess, forNext, [access, next], carrier.RowId);
    }

    /// <summary>For a token that is cut from another: its grant is a child's, and the presented token goes on.</summary>
    /// <returns>Null where the presented token carries nothing that opens.</returns>
    /// <inheritdoc cref="Custody.Vaults.IKeyVault" path="/remarks"/>
    public async Task<Carried?> CopyAsync(ClaimsPrincipal presented, Grant child, CancellationToken cancellationToken)
    {
        if (CarrierClaims.Read(presented) is not { } carrier)
        {
            return null;
        }

        using var key = await keys.OpenAsync(carrier, cancellationToken);
        if (key is null)
        {
            return null;
        }

        var (row, forChild) = await keys.SealAsync(child.Id, key, child.ExpiresAt, cancellationToken);
        return new Carried(forChild, null, [row], null);
    }

    /// <summary>Writes the rows, and takes away what was used up; in the transaction of the caller, where there is one.</summary>
    public Task SaveAsync(Carried carried, CancellationToken cancellationToken) => db.InTransactionAsync(
        async () =>
        {
            db.CarriedKeys.AddRange(carried.Rows);
            if (carried.UsedUp is { } usedUp)
            {
                await db.CarriedKeys.Where(k => k.Id == usedUp).ExecuteDeleteAsync(cancellationToken);
            }
        },
        cancellationToken);

    private DateTime Now => time.GetUtcNow().UtcDateTime;
}
