using System.Linq.Expressions;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Safety;

/// <summary>A strike as an operator, or whom it meets, reads it.</summary>
internal sealed record ShownStrike(DateTime At, string? User, string? App, string Categories, long UserWeight, long AppWeight);

/// <summary>A sanction as they read it.</summary>
internal sealed record ShownSanction(
    Guid Id, string? User, string? App, SanctionKind Kind, DateTime From, DateTime? Until, string Reason, string By, DateTime? LiftedAt, ShownAppeal? Appeal);

internal sealed record ShownAppeal(Guid Id, Guid SanctionId, string? By, string Text, DateTime At, bool? Accepted, string? Answer);

/// <summary>What operators look at, by API and commands, and people on their own page. Nobody's content is here to be seen.</summary>
internal sealed class SafetyDesk(BrokerDbContext db, TimeProvider time)
{
    public const int MostListed = 500;

    /// <summary>Exactly one of the two is given.</summary>
    /// <exception cref="KeyNotFoundException">There is none of that name; the message says so.</exception>
    public async Task<Subject> FindAsync(string? email, string? clientId, CancellationToken cancellationToken)
    {
        if ((email is null) == (clientId is null))
        {
            throw new KeyNotFoundException("Name either a user, by address, or an app, by client id.");
        }

        if (email is not null)
        {
            var name = email.Trim().ToUpperInvariant();
            return Subject.User(await db.Users.Where(u => u.NormalizedEmail == name).Select(u => (Guid?)u.Id).FirstOrDefaultAsync(cancellationToken)
                ?? throw new KeyNotFoundException($"No account has the address {email}."));
        }

        return Subject.App(await db.Apps.Where(a => a.ClientId == clientId).Select(a => (Guid?)a.Id).FirstOrDefaultAsync(cancellationToken)
            ?? throw new KeyNotFoundException($"No app has the client id {clientId}."));
    }

    /// <summary>The latest first; of everybody if no subject is given.</summary>
    public Task<List<ShownStrike>> StrikesAsync(Subject? subject, CancellationToken cancellationToken)
    {
        var strikes = db.Strikes.AsNoTracking();
        strikes = subject is not { } one ? strikes : one.UserId is { } userId ? strikes.Where(s => s.UserId == userId) : strikes.Where(s => s.AppId == one.AppId);
        return strikes.OrderByDescending(s => s.At).Take(MostListed).Select(s => new ShownStrike(
            s.At,
            db.Users.Where(u => u.Id == s.UserId).Select(u => u.Email).FirstOrDefault(),
            db.Apps.Where(a => a.Id == s.AppId).Select(a => a.DisplayName ?? a.ClientId).FirstOrDefault(),
            s.Categories, s.UserWeight, s.AppWeight)).ToListAsync(cancellationToken);
    }

    /// <summary>Those in force, or all there ever were; the latest first.</summary>
    public Task<List<ShownSanction>> SanctionsAsync(bool all, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return ShowAsync(all ? static _ => true : Sanction.InForceAt(now), cancellationToken);
    }

    /// <summary>Those in force that meet the person, or an app of theirs.</summary>
    public Task<List<ShownSanction>> SanctionsOfAsync(Guid userId, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow().UtcDateTime;
        return ShowAsync(
            s => s.LiftedAt == null && (s.Until == null || s.Until > now) && (s.UserId == userId || db.Apps.Any(a => a.Id == s.AppId && a.OwnerId == userId)),
            cancellationToken);
    }

    /// <summary>Those that wait, the longest waiting first.</summary>
    public Task<List<ShownAppeal>> AppealsAsync(CancellationToken cancellationToken) => db.Appeals.AsNoTracking()
        .Where(a => a.DecidedAt == null)
        .OrderBy(a => a.At)
        .Take(MostListed)
        .Select(a => new ShownAppeal(a.Id, a.SanctionId, db.Users.Where(u => u.Id == a.UserId).Select(u => u.Email).FirstOrDefault(), a.Text, a.At, a.Accepted, a.Answer))
        .ToListAsync(cancellationToken);

    private Task<List<ShownSanction>> ShowAsync(Expression<Func<Sanction, bool>> which, CancellationToken cancellationToken) => db.Sanctions.AsNoTracking()
        .Where(which)
        .OrderByDescending(s => s.From)
        .Take(MostListed)
        .Select(s => new ShownSanction(
            s.Id,
            db.Users.Where(u => u.Id == s.UserId).Select(u => u.Email).FirstOrDefault(),
            db.Apps.Where(a => a.Id == s.AppId).Select(a => a.DisplayName ?? a.ClientId).FirstOrDefault(),
            s.Kind, s.From, s.Until, s.Reason, s.By, s.LiftedAt,
            db.Appeals.Where(a => a.SanctionId == s.Id).Select(a => new ShownAppeal(a.Id, a.SanctionId, null, a.Text, a.At, a.Accepted, a.Answer)).FirstOrDefault()))
        .ToListAsync(cancellationToken);
}
