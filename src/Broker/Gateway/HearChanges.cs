using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Storage.PostgreSql;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Takes up what other nodes changed, as soon as PostgreSQL says so. Why a grant ended is read from the database and not from
/// what was heard: it is the same answer that the re-check would give a moment later.
/// </summary>
internal sealed class HearChanges(ChangeFeed feed, LiveGrants grants, GrantChanges changes, OpenKeys keys, LeaseUpkeep leases, PriceBook prices) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) => feed.ListenAsync(heard => HearAsync(heard, stoppingToken), stoppingToken);

    private async Task HearAsync(IReadOnlyCollection<ChangeElsewhere> heard, CancellationToken cancellationToken)
    {
        // What needs no answer of the database comes first.
        foreach (var change in heard)
        {
            switch (change.What)
            {
                case Changed.Key:
                    keys.Drop(change.Id);
                    break;
                case Changed.Token:
                    changes.Publish(new GrantChange(change.Id, CutReason.Revoked));
                    break;
                case Changed.AppCap:
                    leases.Recheck(new AccountId(AccountKind.App, change.Id));
                    break;
                case Changed.UserCap:
                    leases.Recheck(new AccountId(AccountKind.User, change.Id));
                    break;
                case Changed.Anything:
                    keys.DropAll();
                    break;
            }
        }

        if (heard.Any(change => change.What == Changed.Anything))
        {
            await grants.HearNothingAsync(cancellationToken);
            await prices.RefreshAsync(cancellationToken);
            return;
        }

        Guid[] changed = [.. heard.Where(change => change.What == Changed.Grant).Select(change => change.Id)];
        await grants.HearAsync(changed, cancellationToken);
        foreach (var id in changed)
        {
            leases.Recheck(new AccountId(AccountKind.Grant, id));
        }

        if (heard.Any(change => change.What == Changed.Prices))
        {
            await prices.RefreshAsync(cancellationToken);
        }
    }
}
