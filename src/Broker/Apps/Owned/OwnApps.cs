using System.Security.Cryptography;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Storage;

namespace TokenBroker.Apps.Owned;

/// <summary>What became of a registration or change: the app as it is now, or what is wrong.</summary>
/// <param name="App">Null where nothing was written.</param>
/// <param name="Secret">A new client secret, which is shown this once and stored as a hash.</param>
/// <param name="Complaints">What to mend; empty with no app where the owner has no such app.</param>
internal sealed record AppAnswer(App? App, string? Secret, IReadOnlyList<AppComplaint> Complaints)
{
    public static AppAnswer NotFound { get; } = new(null, null, []);

    public static AppAnswer Refused(params IReadOnlyList<AppComplaint> complaints) => new(null, null, complaints);
}

/// <summary>
/// The apps that a user registered and answers for. An app is found by owner and id together, so that somebody
/// else's is not there at all. Apps of the configuration have no owner and are nobody's here.
/// </summary>
internal sealed class OwnApps(BrokerDbContext db, RegisterApp register, AppRules rules)
{
    public const int MostApps = 20;

    public Task<List<App>> ListAsync(Guid ownerId, CancellationToken cancellationToken) =>
        db.Apps.AsNoTracking().Where(a => a.OwnerId == ownerId).OrderBy(a => a.CreatedAt).ToListAsync(cancellationToken);

    public Task<App?> FindAsync(Guid ownerId, string clientId, CancellationToken cancellationToken) =>
        db.Apps.AsNoTracking().FirstOrDefaultAsync(a => a.OwnerId == ownerId && a.ClientId == clientId, cancellationToken);

    /// <param name="ownerId">Who answers for the app.</param>
    /// <param name="kind">What it is.</param>
    /// <param name="entry">The rest; its id and secret are made here.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    public async Task<AppAnswer> CreateAsync(Guid ownerId, AppKind kind, AppRegistration entry, CancellationToken cancellationToken)
    {
        kind.Apply(entry);
        entry.ClientId = "app_" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
        entry.ClientSecret = kind == AppKind.Server && entry.Jwks is null ? NewSecret() : null;
        if (Complaints(rules, kind, entry) is { Count: > 0 } complaints)
        {
            return AppAnswer.Refused(complaints);
        }

        App? app = null;
        await db.InTransactionAsync(
            async () =>
            {
                if (await db.Apps.CountAsync(a => a.OwnerId == ownerId, cancellationToken) < MostApps)
                {
                    app = await register.RunAsync(
                        entry, new AppStanding(AppSource.Console, ownerId, ReviewStatus.Unreviewed, $"user:{ownerId}"), cancellationToken);
                }
            },
            cancellationToken);
        return app is null
            ? AppAnswer.Refused(new AppComplaint("", $"cannot be registered: you have {MostApps}, the most that one account keeps. Delete one first"))
            : new AppAnswer(app, entry.ClientSecret, []);
    }

    /// <summary>256 random bits, as <see cref="AppSecrets"/> wants them.</summary>
    public static string NewSecret() => WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));

    /// <summary>The rules of every registration, and those of one that a developer types in.</summary>
    public static List<AppComplaint> Complaints(AppRules rules, AppKind kind, AppRegistration entry)
    {
        entry.Name = OneLine.Of(entry.Name, 1000);
        entry.HomepageUrl = string.IsNullOrWhiteSpace(entry.HomepageUrl) ? null : entry.HomepageUrl.Trim();
        var complaints = rules.Complaints(entry).ToList();
        if (!AppRules.IsPlain(entry.Name))
        {
            complaints.Add(new AppComplaint(nameof(entry.Name), "has characters in its Name that do not show"));
        }

        if (!entry.Scopes.Any(scope => scope.Contains(':', StringComparison.Ordinal)))
        {
            complaints.Add(new AppComplaint(nameof(entry.Scopes), "needs at least one scope of a provider, such as openai:chat"));
        }

        if (entry.Jwks is not null && kind != AppKind.Server)
        {
            complaints.Add(new AppComplaint(nameof(entry.Jwks), "has Jwks, which are for the kind server"));
        }

        return complaints;
    }
}
