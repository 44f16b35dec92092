using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Operations.Egress;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Authorization.MetadataDocuments;

/// <summary>
/// Keeps the apps that client ID metadata documents describe up to date. One fetch of an address at a time, whoever
/// waits for it; a failure is remembered for a minute; few fetches at once in all, so that strangers cannot make the
/// broker hammer others. A document is fresh for what its <c>Cache-Control</c> says, between five minutes and a day.
/// What a document says counts at once, a refusal included; only while its server cannot be reached does what it last
/// said go on to count, for a day.
/// </summary>
internal sealed class ClientDocuments(
    EgressClient egress, IServiceScopeFactory scopes, Catalogue catalogue, AppRules rules, TimeProvider time, ILogger<ClientDocuments> logger)
    : IDisposable
{
    private const int MostFetches = 8;
    private const int MostFailures = 1_000;
    private const string DigestProperty = "metadata_sha256";
    private static readonly TimeSpan LeastFresh = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan MostFresh = TimeSpan.FromHours(24);
    private static readonly TimeSpan MostStale = TimeSpan.FromHours(24);
    private static readonly TimeSpan FailureHolds = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, Lazy<Task<string?>>> _running = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (string? Refusal, DateTimeOffset Until)> _failures = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _slots = new(MostFetches);

    /// <summary>Fetches the document, and registers the app or brings it up to date.</summary>
    /// <returns>Why the app cannot be used now, to follow its address; null where it can.</returns>
    public Task<string?> RefreshAsync(Uri address, CancellationToken cancellationToken)
    {
        var key = address.AbsoluteUri;
        if (_failures.TryGetValue(key, out var failure) && failure.Until > time.GetUtcNow())
        {
            return Task.FromResult(failure.Refusal);
        }

        // The work is not the caller's to cancel: others may wait for it.
        return _running.GetOrAdd(key, _ => new Lazy<Task<string?>>(() => RunAsync(address))).Value.WaitAsync(cancellationToken);
    }

    public void Dispose() => _slots.Dispose();

    private async Task<string?> RunAsync(Uri address)
    {
        try
        {
            if (!await _slots.WaitAsync(EgressClient.Patience))
            {
                return "cannot be fetched: too many are being fetched. Try again shortly";
            }

            try
            {
                return await FetchAsync(address);
            }
            finally
            {
                _slots.Release();
            }
        }
        finally
        {
            _running.TryRemove(address.AbsoluteUri, out _);
        }
    }

    private async Task<string?> FetchAsync(Uri address)
    {
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();

        // Whoever looked before another's fetch was done, and came here after, need not fetch again.
        var asked = time.GetUtcNow().UtcDateTime;
        if (await db.Apps.AnyAsync(a => a.ClientId == address.AbsoluteUri && a.Source == AppSource.MetadataDocument && a.MetadataFreshUntil > asked))
        {
            return null;
        }

        var answer = await egress.GetAsync(address, CancellationToken.None);
        if (answer is EgressAnswer.Document document)
        {
            var (registration, complaint) = MetadataDocument.Read(address, document.Body, catalogue.AllScopes, rules);
            if (registration is null)
            {
                return Remember(address, complaint);
            }

            await KeepAsync(db, scope.ServiceProvider.GetRequiredService<RegisterApp>(), registration, document);
            _failures.TryRemove(address.AbsoluteUri, out _);
            return null;
        }

        var failure = (EgressAnswer.Failure)answer;
        var now = time.GetUtcNow().UtcDateTime;
        var staleSince = await db.Apps.AsNoTracking().Where(a => a.ClientId == address.AbsoluteUri).Select(a => a.MetadataFreshUntil).SingleOrDefaultAsync();
        var mayGoOn = failure.MayPass && staleSince > now - MostStale;
        logger.LogWarning("The metadata document of a client on {Host} {Failure}; {Consequence}.", address.Authority, failure.Reason, mayGoOn ? "what it last said goes on to count" : "the client is refused");
        return Remember(address, mayGoOn ? null : failure.Reason);
    }

    private async Task KeepAsync(BrokerDbContext db, RegisterApp register, AppRegistration registration, EgressAnswer.Document document)
    {
        var digest = Convert.ToHexStringLower(SHA256.HashData(document.Body.Span));
        var freshUntil = time.GetUtcNow().UtcDateTime + Clamp(document.MaxAge ?? TimeSpan.Zero);
        await db.InTransactionAsync(
            async () =>
            {
                var known = await db.Apps.AsNoTracking().SingleOrDefaultAsync(a => a.ClientId == registration.ClientId);
                if (known is not null && DigestOf(known) == digest)
                {
                    // Nothing that a decision rests on has changed: nothing to audit, no row to rewrite.
                    await db.Apps.Where(a => a.Id == known.Id).ExecuteUpdateAsync(set => set.SetProperty(a => a.MetadataFreshUntil, freshUntil));
                    return;
                }

                var standing = new AppStanding(AppSource.MetadataDocument, known?.OwnerId, ReviewStatus.Unreviewed, "system");
                var app = await register.RunAsync(registration, standing, CancellationToken.None);
                app.MetadataFreshUntil = freshUntil;
                app.Properties = new JsonObject { [DigestProperty] = digest }.ToJsonString();
            },
            CancellationToken.None);
    }

    private string? Remember(Uri address, string? refusal)
    {
        var now = time.GetUtcNow();
        if (_failures.Count >= MostFailures)
        {
            foreach (var old in _failures.Where(entry => entry.Value.Until <= now).ToList())
            {
                _failures.TryRemove(old);
            }
        }

        // Full of failures that are not a minute old: one more is forgotten, and its fetches are bounded by address.
        if (_failures.Count < MostFailures)
        {
            _failures[address.AbsoluteUri] = (refusal, now + FailureHolds);
        }

        return refusal;
    }

    private static TimeSpan Clamp(TimeSpan age) => age < LeastFresh ? LeastFresh : age > MostFresh ? MostFresh : age;

    private static string? DigestOf(App app) =>
        app.Properties is null ? null : JsonNode.Parse(app.Properties)?[DigestProperty]?.GetValue<string>();
}
