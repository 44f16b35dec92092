using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Metering;

/// <summary>
/// Puts a job's cost in place of what it was charged, once, in one transaction: in its row of usage and in the spend of
/// every account and period that the charge counts in. The row of the job goes with it: whoever comes second, on this
/// node or another, finds nothing to settle. Spend never falls below zero, and no more comes back than was charged.
/// </summary>
internal sealed class SettleJob(BrokerDbContext db, LeaseUpkeep leases)
{
    /// <param name="job">The job, as it was read.</param>
    /// <param name="truth">What it used and cost, as a row of usage would say it.</param>
    /// <param name="cancellationToken">Leaves nothing half done.</param>
    /// <returns>False where it was settled before.</returns>
    public async Task<bool> RunAsync(OpenJob job, Usage truth, CancellationToken cancellationToken)
    {
        var isOurs = false;
        await db.InTransactionAsync(
            async () =>
            {
                isOurs = await db.OpenJobs.Where(j => j.UsageId == job.UsageId).ExecuteDeleteAsync(cancellationToken) == 1;
                if (isOurs)
                {
                    await WriteAsync(job, truth, cancellationToken);
                }
            },
            cancellationToken);
        if (isOurs)
        {
            // The books that are open here learn of it at their next turn.
            foreach (var account in job.ReadAccounts())
            {
                leases.Recheck(account);
            }
        }

        return isOurs;
    }

    private async Task WriteAsync(OpenJob job, Usage truth, CancellationToken cancellationToken)
    {
        var back = job.ChargedMicros - truth.CostMicros;
        await db.Usage.Where(u => u.Id == job.UsageId).ExecuteUpdateAsync(
            set => set
                .SetProperty(u => u.InputTokens, truth.InputTokens)
                .SetProperty(u => u.CachedInputTokens, truth.CachedInputTokens)
                .SetProperty(u => u.CacheWriteTokens, truth.CacheWriteTokens)
                .SetProperty(u => u.AudioInputTokens, truth.AudioInputTokens)
                .SetProperty(u => u.OutputTokens, truth.OutputTokens)
                .SetProperty(u => u.ReasoningTokens, truth.ReasoningTokens)
                .SetProperty(u => u.AudioOutputTokens, truth.AudioOutputTokens)
                .SetProperty(u => u.ServiceTier, truth.ServiceTier)
                .SetProperty(u => u.CostMicros, truth.CostMicros)
                .SetProperty(u => u.Estimated, false),
            cancellationToken);
        await CreditPosts.SpendAsync(db, job.ReadAccounts().Select(account => (account, -back)), $"settled:{job.UsageId:N}", truth.At);
        foreach (var account in job.ReadAccounts())
        {
            var (kind, id) = (account.Kind, account.Id);
            await db.Spend
                .Where(s => s.Kind == kind && s.OwnerId == id && (s.Period == job.Day || s.Period == job.Month || s.Period == SpendPeriods.Total))
                .ExecuteUpdateAsync(set => set.SetProperty(s => s.CostMicros, s => s.CostMicros > back ? s.CostMicros - back : 0), cancellationToken);
        }
    }
}
