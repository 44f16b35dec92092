using Microsoft.EntityFrameworkCore;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Grants;

/// <summary>
/// Tells of a stolen token. A code or refresh token that comes back after its use shows that two parties hold it, and
/// which of them is the thief nobody can know: the user is told that their access ended, and the app's owner that the
/// app leaks, without a word about whose token it was.
/// </summary>
internal sealed class ReuseNotices(BrokerDbContext db, NoticeBoard notices)
{
    /// <summary>The reasons of <see cref="EndGrant"/> that mean a copy was used.</summary>
    public static bool IsReuse(string reason) => reason is "code_replay" or "token_replay" or "refresh_token_reuse";

    /// <summary>To be called in the transaction that ends the grant.</summary>
    public async Task PostAsync(Guid grantId, string reason, CancellationToken cancellationToken)
    {
        if (!IsReuse(reason))
        {
            return;
        }

        var facts = await db.Grants.Where(g => g.Id == grantId)
            .Select(g => new { g.UserId, Name = g.Application!.DisplayName ?? g.Application!.ClientId, OwnerId = (Guid?)g.Application!.OwnerId })
            .SingleAsync(cancellationToken);
        var name = facts.Name ?? "An app";
        await notices.PostAsync(
            facts.UserId,
            "grant.token_reuse",
            $"{name}'s access was ended: one of its tokens was used twice, which means that somebody else had a copy. "
            + "Nothing can be called with any of them now. You can connect the app again; if this happens again, do not.",
            cancellationToken);
        if (facts.OwnerId is { } ownerId)
        {
            await notices.PostAsync(
                ownerId,
                "app.token_reuse",
                $"A grant of your app {name} was ended: {Cause(reason)} Somebody else may hold a copy, or the app used it again itself. "
                + "Check how it stores refresh tokens, and that it replaces the stored one with each answer and refreshes once at a time.",
                cancellationToken);
        }
    }

    private static string Cause(string reason) => reason switch
    {
        "code_replay" => "an authorization code was used twice.",
        "refresh_token_reuse" => "a refresh token was used again after its successor had been given out.",
        _ => "a code or token was used twice.",
    };
}
