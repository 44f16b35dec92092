using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Safety;
using TokenBroker.Storage;

namespace TokenBroker.Gateway;

/// <summary>
/// The grants that calls are using. A change that this process makes arrives at once through
/// <see cref="GrantChanges"/>; one that another process makes is told by PostgreSQL (<see cref="HearChanges"/>), and found in any
/// case by <see cref="RecheckAsync(CancellationToken)"/>, which compares revisions every few seconds. A grant's end cuts its open calls and clears the key that was open for them; so does its expiry.
/// </summary>
internal sealed class LiveGrants
{
    private readonly ConcurrentDictionary<Guid, LiveGrant> _grants = new();

    /// <summary>The held grants that were cut from another, by that other.</summary>
    private readonly ConcurrentDictionary<Guid, ImmutableHashSet<Guid>> _children = new();

    private readonly IServiceScopeFactory _scopes;
    private readonly OpenKeys _keys;
    private readonly TimeProvider _time;

    public LiveGrants(IServiceScopeFactory scopes, GrantChanges changes, BudgetCuts budgets, OpenKeys keys, TimeProvider time)
    {
        _scopes = scopes;
        _keys = keys;
        _time = time;
        changes.Subscribe(change => Drop(change.GrantId, change.Cut));
        budgets.Subscribe(CutFor);
    }

    /// <summary>The grant as it is now; reads the database only where nothing is held.</summary>
    public LiveGrant Get(Guid grantId) => _grants.GetOrAdd(grantId, static (id, self) => new LiveGrant(id, self.ReadAsync), this);

    /// <summary>Gives up facts that could not be read, so that the next call tries again.</summary>
    public void Retry(LiveGrant grant)
    {
        _grants.TryUpdate(grant.Id, grant.Renewed(), grant);
        grant.MarkStale();
    }

    /// <summary>Lets go of a grant that turned out to have ended.</summary>
    public void Forget(LiveGrant grant)
    {
        _grants.TryRemove(KeyValuePair.Create(grant.Id, grant));
        grant.End(CutReason.Revoked);
    }

    /// <summary>Compares what is held with the database, and the clock.</summary>
    public async Task RecheckAsync(CancellationToken cancellationToken)
    {
        await RecheckAsync(_grants.Keys, cancellationToken);
        foreach (var (parent, children) in _children)
        {
            // A child that is being read is held already, so that its link stays.
            var held = children.Intersect(_grants.Keys);
            if (held.Count < children.Count)
            {
                _children.TryUpdate(parent, held, children);
            }
        }
    }

    /// <summary>Some grants may have changed elsewhere: what is held of them is compared, and what is being read is read again.</summary>
    public async Task HearAsync(IEnumerable<Guid> ids, CancellationToken cancellationToken)
    {
        Guid[] held = [.. ids.Where(_grants.ContainsKey)];
        await RecheckAsync(held, cancellationToken);
        foreach (var id in held)
        {
            if (_grants.TryGetValue(id, out var grant) && grant.Known is null)
            {
                Drop(id, null);
            }
        }
    }

    /// <summary>What changed was not heard for a while: everything is compared and read again, and with it every token.</summary>
    public async Task HearNothingAsync(CancellationToken cancellationToken)
    {
        await RecheckAsync(cancellationToken);
        foreach (var id in _grants.Keys)
        {
            Drop(id, null);
        }
    }

    private async Task RecheckAsync(IEnumerable<Guid> held, CancellationToken cancellationToken)
    {
        foreach (var ids in held.Chunk(500))
        {
            await using var scope = _scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            var rows = await db.Grants.AsNoTracking()
                .Where(g => ids.Contains(g.Id))
                .Select(g => new
                {
                    g.Id,
                    g.ParentId,
                    g.Revision,
                    g.Status,
                    g.PausedAt,
                    g.UpstreamKeyId,
                    g.CarriesKey,
                    g.ExpiresAt,
                    g.SponsorId,
                    SponsorKeyId = db.SponsorKeys.Where(k => k.SponsorId == g.SponsorId && k.UpstreamId == g.UpstreamId).Select(k => (Guid?)k.Id).FirstOrDefault(),
                })
                .ToDictionaryAsync(g => g.Id, cancellationToken);
            var suspended = await Sanction.GrantsUnderOne(db, ids, _time.GetUtcNow().UtcDateTime).ToListAsync(cancellationToken);
            foreach (var id in ids)
            {
                var row = rows.GetValueOrDefault(id);
                if (row is null || row.Status != OpenIddictConstants.Statuses.Valid)
                {
                    Drop(id, CutReason.Revoked);
                }
                else if (row.ExpiresAt <= _time.GetUtcNow().UtcDateTime)
                {
                    Drop(id, CutReason.Expired);
                }
                else if (_grants.TryGetValue(id, out var grant)
                    && grant.Known is var known
                    && (known?.Revision != row.Revision || (row.ParentId is null && (known.UpstreamKeyId, known.Credit?.SponsorId, known.Credit?.KeyId) != (row.UpstreamKeyId, row.SponsorId, row.SponsorKeyId))))
                {
                    CutReason? cut = suspended.Contains(id) ? CutReason.Suspended : row.PausedAt is not null ? CutReason.Paused
                        : row is { UpstreamKeyId: null, CarriesKey: false, SponsorKeyId: null } ? row.SponsorId is null ? CutReason.KeyRemoved : CutReason.SponsorKeyWithdrawn
                        : known is not null && row.ParentId is null && known.Credit?.SponsorId != row.SponsorId ? CutReason.PurseChanged : null;
                    if (cut is not null || known is not null)
                    {
                        Drop(id, cut);
                    }
                }
            }
        }
    }

    /// <summary>Ends the open calls of an account that has no money for them. The grants go on.</summary>
    private void CutFor(AccountId account)
    {
        foreach (var (id, grant) in _grants)
        {
            if (grant.Known is { } facts && facts.Budgets.Accounts.Any(one => one.Id == account))
            {
                Drop(id, account.Kind == AccountKind.Credit ? CutReason.CreditExhausted : CutReason.BudgetExhausted);
            }
        }
    }

    private void Drop(Guid grantId, CutReason? cut)
    {
        // What happens to a grant happens to those that were cut from it.
        if (cut is null ? _children.TryGetValue(grantId, out var children) : _children.TryRemove(grantId, out children))
        {
            foreach (var child in children)
            {
                Drop(child, cut);
            }
        }

        if (cut is { } reason)
        {
            if (_grants.TryRemove(grantId, out var ended))
            {
                ended.End(reason);
                _keys.DropOfGrant(grantId);
                if (ended.Known?.UpstreamKeyId is { } keyId)
                {
                    _keys.Drop(keyId);
                }
            }

            return;
        }

        // The successor keeps the lifeline: calls that go on under the old limits must still end when the grant does.
        while (_grants.TryGetValue(grantId, out var grant))
        {
            if (_grants.TryUpdate(grantId, grant.Renewed(), grant))
            {
                grant.MarkStale();
                return;
            }
        }
    }

    private async Task<GrantFacts?> ReadAsync(Guid grantId)
    {
        await using var scope = _scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var grant = await db.Grants.AsNoTracking()
            .FirstOrDefaultAsync(g => g.Id == grantId && g.Status == OpenIddictConstants.Statuses.Valid);
        if (grant is null)
        {
            return null;
        }

        var safety = await scope.ServiceProvider.GetRequiredService<GrantSafety>().ReadAsync(grant, CancellationToken.None);
        if (grant.ParentId is not { } parentId)
        {
            return FactsOf(grant, above: null, safety) with { Credit = await scope.ServiceProvider.GetRequiredService<ReadPurse>().OfAsync(grant, CancellationToken.None) };
        }

        // Linked before the parent is read: a change that commits from here on finds the child, one before is read.
        _children.AddOrUpdate(parentId, static (_, child) => [child], static (_, held, child) => held.Add(child), grantId);
        return await Get(parentId).Facts is { } above ? FactsOf(grant, above, safety) : null;
    }

    /// <summary>A child grant allows what it and all above it allow, whatever its own row says; the key is its root's.</summary>
    private static GrantFacts FactsOf(Grant grant, GrantFacts? above, SafetyFacts safety)
    {
        // Whoever pays by credit is a guest in somebody else's account, and never sees all of it.
        var guest = grant.SponsorId is not null;
        var scopes = (JsonSerializer.Deserialize<string[]>(grant.Scopes ?? "[]") ?? []).Where(scope => !guest || scope != Purse.AccountScopeOf(grant.UpstreamId)).ToArray();
        var models = grant.Models?.ToFrozenSet(StringComparer.Ordinal);
        var line = new GrantLine(grant.Id, new Budget(grant.BudgetMicros, grant.BudgetPeriod), grant.RequestsPerMinute);
        var facts = new GrantFacts(
            grant.UserId,
            grant.ApplicationId,
            grant.UpstreamId,
            grant.UpstreamKeyId,
            grant.CarriesKey,
            scopes.ToFrozenSet(StringComparer.Ordinal),
            models,
            grant.ExpiresAt,
            grant.PausedAt is not null,
            grant.Revision,
            [line])
        {
            Safety = safety,
        };
        return above is null
            ? facts
            : facts with
            {
                UpstreamKeyId = above.UpstreamKeyId,
                CarriesKey = above.CarriesKey,
                Credit = above.Credit,
                Scopes = scopes.Where(above.Scopes.Contains).ToFrozenSet(StringComparer.Ordinal),
                Models = models is null ? above.Models : above.Models is null ? models : models.Where(above.Models.Contains).ToFrozenSet(StringComparer.Ordinal),
                ExpiresAt = facts.ExpiresAt < above.ExpiresAt ? facts.ExpiresAt : above.ExpiresAt,
                IsPaused = facts.IsPaused || above.IsPaused,
                Line = [line, .. above.Line],
            };
    }
}
