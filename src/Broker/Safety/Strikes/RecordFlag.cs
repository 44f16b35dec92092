using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Notices;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>A call that moderation flagged.</summary>
internal sealed record Flag(Guid UserId, Guid GrantId, string Operation, IReadOnlyList<string> Categories);

/// <summary>
/// Turns a flag into a strike on the person and on the app, and acts where a threshold is passed: the strike, its audit
/// event, the warning and the sanction are one transaction. The content is not kept. The threats: an app that has its
/// users banned, which the thresholds of people leave to the operator to see; and a person who has an app banned, which
/// cannot be, since one person brings an app few points a day and an app falls only by several people's strikes.
/// </summary>
internal sealed class RecordFlag(
    BrokerDbContext db, AuditLog audit, NoticeBoard notices, ApplySanction sanctions, IOptions<StrikeOptions> options, TimeProvider time)
{
    /// <summary>To what a database keeps: a strike of this moment has no age, whichever it is.</summary>
    private DateTime Now => time.GetUtcNow().UtcDateTime.AsStored();

    public async Task RunAsync(Flag flag, CancellationToken cancellationToken)
    {
        List<Guid> cut = [];
        await db.InTransactionAsync(
            async () =>
            {
                var appId = await db.Grants.Where(g => g.Id == flag.GrantId).Select(g => g.ApplicationId).FirstOrDefaultAsync(cancellationToken);
                var weight = options.Value.WeightOf(flag.Categories);
                var strike = new Strike
                {
                    At = Now,
                    UserId = flag.UserId,
                    AppId = appId,
                    Categories = string.Join(',', flag.Categories),
                    UserWeight = weight,
                    AppWeight = appId is null ? 0 : Math.Min(weight, await LeftOfTheDayAsync(flag.UserId, appId.Value, cancellationToken)),
                };
                var user = await ScoreAsync(Subject.User(flag.UserId), cancellationToken);
                var app = appId is { } id ? await ScoreAsync(Subject.App(id), cancellationToken) : default;
                db.Strikes.Add(strike);
                await audit.RecordAsync(
                    "content.flagged", "system", $"grant:{flag.GrantId}", flag.UserId,
                    new { strike = strike.Id, operation = flag.Operation, categories = strike.Categories, user_weight = strike.UserWeight, app_weight = strike.AppWeight },
                    cancellationToken);

                cut.AddRange(await ActAsync(Subject.User(flag.UserId), options.Value.User, user.Points, strike.UserWeight, mayFall: true, cancellationToken));
                if (appId is { } struck)
                {
                    var people = app.People.Append(flag.UserId).Distinct().Count();
                    cut.AddRange(await ActAsync(Subject.App(struck), options.Value.App, app.Points, strike.AppWeight, people >= options.Value.LeastUsersOfAnApp, cancellationToken));
                }
            },
            cancellationToken);
        sanctions.Publish(cut);
    }

    /// <summary>What the strikes of somebody weigh now. Those from before the last lifted sanction are forgiven.</summary>
    public async Task<(long Points, IReadOnlyList<Guid> People)> ScoreAsync(Subject subject, CancellationToken cancellationToken)
    {
        var halfLife = options.Value.HalfLife;
        var now = Now;
        var since = now - halfLife * StrikeDecay.HalfLivesRead;
        var lifted = await db.Sanctions.Where(s => s.UserId == subject.UserId && s.AppId == subject.AppId).MaxAsync(s => s.LiftedAt, cancellationToken);
        since = lifted > since ? lifted.Value : since;
        var rows = subject.UserId is { } userId
            ? await db.Strikes.Where(s => s.UserId == userId && s.UserWeight > 0 && s.At > since).Select(s => new { s.UserId, Weight = s.UserWeight, s.At }).ToListAsync(cancellationToken)
            : await db.Strikes.Where(s => s.AppId == subject.AppId && s.AppWeight > 0 && s.At > since).Select(s => new { s.UserId, Weight = s.AppWeight, s.At }).ToListAsync(cancellationToken);
        return (StrikeDecay.Sum(rows.Select(row => (row.Weight, row.At)), now, halfLife), [.. rows.Select(row => row.UserId).Distinct()]);
    }

    private async Task<long> LeftOfTheDayAsync(Guid userId, Guid appId, CancellationToken cancellationToken)
    {
        var today = Now.Date;
        var used = await db.Strikes.Where(s => s.UserId == userId && s.AppId == appId && s.At >= today).SumAsync(s => s.AppWeight, cancellationToken);
        return Math.Max(0, options.Value.MostOfOneUserADay * 1000L - used);
    }

    private async Task<IReadOnlyList<Guid>> ActAsync(
        Subject subject, StrikeLimits limits, long before, long weight, bool mayFall, CancellationToken cancellationToken)
    {
        var level = limits.LevelOf(before + weight);
        if (weight == 0 || level == StrikeLevel.None)
        {
            return [];
        }

        if (level >= StrikeLevel.Suspend && mayFall)
        {
            DateTime? until = level == StrikeLevel.Ban ? null : Now + options.Value.SuspendFor;
            return (await sanctions.WriteAsync(subject, until, "What was sent was flagged by moderation too often.", "system", cancellationToken)).Grants;
        }

        if (limits.LevelOf(before) == StrikeLevel.None)
        {
            await WarnAsync(subject, cancellationToken);
        }

        return [];
    }

    private async Task WarnAsync(Subject subject, CancellationToken cancellationToken)
    {
        await audit.RecordAsync("safety.warned", "system", subject.ToString(), subject.UserId, null, cancellationToken);
        if (subject.UserId is { } userId)
        {
            await notices.PostAsync(
                userId, "safety.warning",
                "Moderation flagged several calls that apps made with your keys. If it goes on, your account is suspended. Under Safety you see which apps it was.",
                cancellationToken);
        }
        else if (await db.Apps.Where(a => a.Id == subject.AppId).Select(a => new { a.OwnerId, Name = a.DisplayName ?? a.ClientId ?? "" }).FirstOrDefaultAsync(cancellationToken) is { OwnerId: { } ownerId } app)
        {
            await notices.PostAsync(
                ownerId, "safety.warning",
                $"Moderation flagged many calls of your app {app.Name}, from several people or on several days. If it goes on, the app is suspended.",
                cancellationToken);
        }
    }
}
