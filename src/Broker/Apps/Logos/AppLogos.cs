using System.Globalization;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps.Review;
using TokenBroker.Audit;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Logos;

/// <summary>What became of an upload.</summary>
internal sealed record LogoAnswer(bool Found, string? Complaint);

/// <summary>
/// The pictures of apps. People take a picture for proof of who asks, so users see one only of an approved app, and
/// a new one takes the approval back: it is somebody else's mark until a reviewer has seen it.
/// </summary>
internal sealed class AppLogos(BrokerDbContext db, AuditLog audit, ReviewApp review, TimeProvider time)
{
    public const int MostBytes = 64 * 1024;
    public const int MostPixels = 1024;

    /// <summary>Stores a picture, or by null takes it away.</summary>
    public async Task<LogoAnswer> SetAsync(Guid ownerId, string clientId, byte[]? file, CancellationToken cancellationToken)
    {
        LogoImage? image = null;
        if (file is not null)
        {
            image = file.Length > MostBytes ? null : LogoImage.Read(file);
            if (image is not { Width: <= MostPixels, Height: <= MostPixels })
            {
                return new LogoAnswer(true, $"Choose a PNG, JPEG or WebP of at most {MostBytes / 1024} KB and {MostPixels} by {MostPixels} pixels.");
            }
        }

        var found = false;
        await db.InTransactionAsync(
            async () =>
            {
                // A new version of the app: a reviewer who saw another picture has to look again.
                var next = Guid.NewGuid().ToString();
                found = await db.Apps.Where(a => a.OwnerId == ownerId && a.ClientId == clientId)
                    .ExecuteUpdateAsync(set => set.SetProperty(a => a.ConcurrencyToken, next), cancellationToken) == 1;
                if (!found)
                {
                    return;
                }

                var appId = await db.Apps.Where(a => a.ClientId == clientId).Select(a => a.Id).SingleAsync(cancellationToken);
                var had = await db.AppLogos.Where(l => l.AppId == appId).ExecuteDeleteAsync(cancellationToken);
                if (file is null && had == 0)
                {
                    return;
                }

                if (file is not null)
                {
                    db.AppLogos.Add(new AppLogo { AppId = appId, ContentType = image!.Value.ContentType, Bytes = file, UpdatedAt = time.GetUtcNow().UtcDateTime });
                }

                await audit.RecordAsync(
                    file is null ? "app.logo_removed" : "app.logo_changed", $"user:{ownerId}", $"app:{appId}", ownerId,
                    new { client_id = clientId, type = image?.ContentType, bytes = file?.Length }, cancellationToken);
                await review.ResetAsync(appId, $"user:{ownerId}", cancellationToken);
            },
            cancellationToken);
        return new LogoAnswer(found, null);
    }

    /// <summary>Names the picture that the app has now, for its address and ETag; null where it has none.</summary>
    public async Task<string?> VersionAsync(Guid appId, CancellationToken cancellationToken) =>
        await db.AppLogos.Where(l => l.AppId == appId).Select(l => (DateTime?)l.UpdatedAt).FirstOrDefaultAsync(cancellationToken) is { } at
            ? at.Ticks.ToString("x", CultureInfo.InvariantCulture)
            : null;

    /// <param name="clientId">Whose picture.</param>
    /// <param name="viewerId">Who looks; null for a visitor.</param>
    /// <param name="isOperator">Whether they review apps.</param>
    /// <param name="cancellationToken">Cancels the look-up.</param>
    /// <returns>The picture, where this viewer may see it: of an approved app everybody, else its owner and the reviewers.</returns>
    public Task<AppLogo?> FindAsync(string clientId, Guid? viewerId, bool isOperator, CancellationToken cancellationToken) =>
        db.Apps.Where(a => a.ClientId == clientId && (a.ReviewStatus == ReviewStatus.Approved || isOperator || (viewerId != null && a.OwnerId == viewerId)))
            .Join(db.AppLogos, a => a.Id, l => l.AppId, (_, logo) => logo)
            .AsNoTracking()
            .FirstOrDefaultAsync(cancellationToken);
}
