using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Grants;
using TokenBroker.Storage;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Devices;

/// <summary>A device that waits for a person's answer.</summary>
/// <param name="UserCodeId">The row of the code that it shows.</param>
/// <param name="DeviceCodeId">The row of the code that it polls with.</param>
/// <param name="Request">What it asked for.</param>
internal sealed record WaitingDevice(Guid UserCodeId, Guid DeviceCodeId, OpenIddictRequest Request);

/// <summary>
/// From the code that a device shows to the answer that it gets (RFC 8628). The invariant: a user code is answered once,
/// by one conditional UPDATE; only an approval ties the device's own code to a grant and makes it good for tokens, and
/// until then, whatever else happens, it is good for nothing.
/// </summary>
internal sealed class DeviceRequests(BrokerDbContext db, IOpenIddictTokenManager tokens, AuditLog audit, TimeProvider time)
{
    // The device has to come by once more, with an interval that may have grown.
    private static readonly TimeSpan TimeToCollect = TimeSpan.FromMinutes(2);

    /// <param name="code">As <see cref="UserCodes.Read"/> gives it.</param>
    /// <param name="cancellationToken">Cancels the look-up.</param>
    /// <returns>Null where no device shows this code, or it was answered, or is too old.</returns>
    public async Task<WaitingDevice?> FindAsync(string code, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return await tokens.FindByReferenceIdAsync(code, cancellationToken) is Token { Status: Statuses.Valid, Type: TokenTypeIdentifiers.Private.UserCode } found
            && found.ExpirationDate > now
            && KeptDeviceRequest.Of(found) is { } kept
            ? new WaitingDevice(found.Id, kept.DeviceCodeId, new OpenIddictRequest(kept.Parameters))
            : null;
    }

    /// <summary>Gives the device the grant that the person approved.</summary>
    /// <returns>False where it was answered before, or is too old: the device gets nothing of it.</returns>
    public async Task<bool> TryApproveAsync(WaitingDevice device, Grant grant, CancellationToken cancellationToken)
    {
        var approved = false;
        await db.InTransactionAsync(
            async () =>
            {
                if (!await TryAnswerAsync(device, Statuses.Redeemed, cancellationToken))
                {
                    return;
                }

                var until = time.GetUtcNow().UtcDateTime + TimeToCollect;
                approved = await db.Tokens
                    .Where(t => t.Id == device.DeviceCodeId && t.Status == Statuses.Inactive)
                    .ExecuteUpdateAsync(
                        set => set
                            .SetProperty(t => t.Status, Statuses.Valid)
                            .SetProperty(t => t.AuthorizationId, grant.Id)
                            .SetProperty(t => t.Subject, grant.Subject)
                            .SetProperty(t => t.ExpirationDate, t => t.ExpirationDate > until ? t.ExpirationDate : until),
                        cancellationToken) == 1;
                await audit.RecordAsync(
                    approved ? "device.approved" : "device.approval_lost", $"user:{grant.UserId}", $"grant:{grant.Id}", grant.UserId, new { device_code = device.DeviceCodeId }, cancellationToken);
            },
            cancellationToken);
        return approved;
    }

    /// <summary>Tells the device no. Whoever asked records the refusal.</summary>
    public Task DenyAsync(WaitingDevice device, CancellationToken cancellationToken) => db.InTransactionAsync(
        async () =>
        {
            if (await TryAnswerAsync(device, Statuses.Rejected, cancellationToken))
            {
                await db.Tokens
                    .Where(t => t.Id == device.DeviceCodeId && t.Status == Statuses.Inactive)
                    .ExecuteUpdateAsync(set => set.SetProperty(t => t.Status, Statuses.Rejected), cancellationToken);
            }
        },
        cancellationToken);

    private async Task<bool> TryAnswerAsync(WaitingDevice device, string status, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return await db.Tokens
            .Where(t => t.Id == device.UserCodeId && t.Status == Statuses.Valid && t.ExpirationDate > now)
            .ExecuteUpdateAsync(
                set => set.SetProperty(t => t.Status, status).SetProperty(t => t.RedemptionDate, now), cancellationToken) == 1;
    }
}
