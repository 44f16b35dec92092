using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using TokenBroker.Custody;
using TokenBroker.Metering;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Asks providers, again and again and ever more rarely, what the work has cost that went on after its call, and settles
/// it. Each question is one node's: whoever moves the row's next time forward asks, and it stays there for as long as a
/// question may take, so that nobody asks a second time meanwhile. A few are asked at a time, so that one answer that is
/// slow holds up no other. It is asked under the grant that the work was begun under, for as long as that is valid, and
/// given up after some days: then the charge at its worst stays.
/// </summary>
internal sealed class JobPolls(IServiceScopeFactory scopes, JobReport report, CallKeys keys, Catalogue catalogue, IOptions<GatewayOptions> options, ILogger<JobPolls> logger)
    : BackgroundService
{
    private const int AtOnce = 100;

    /// <summary>Questions in the air: each reads an answer in memory of its own.</summary>
    private const int Together = 8;

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>How long a question is its node's: what it may take, and some time to settle. After a node that died, another asks then.</summary>
    private static readonly TimeSpan Held = Patience + TimeSpan.FromSeconds(30);

    /// <summary>A batch has a day, and some hours to end after that.</summary>
    private static readonly TimeSpan GiveUp = TimeSpan.FromDays(3);

    /// <summary>Holds nothing of the system's, and is waited for by turns that end after this is disposed of, where the start failed.</summary>
    private readonly SemaphoreSlim _places = new(Together);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Real time on purpose: a replaced clock must not make it spin.
        using var timer = new PeriodicTimer(options.Value.JobPoll);
        while (await timer.WaitForNextTickAsync(stoppingToken).AsTask().ContinueWith(t => t.IsCompletedSuccessfully && t.GetAwaiter().GetResult(), TaskScheduler.Default))
        {
            try
            {
                await TurnAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                break;
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "Work in the background could not be settled; tried again.");
            }
        }

        // What is in the air was told to stop, and needs the database until it has.
        for (var place = 0; place < Together; place++)
        {
            await _places.WaitAsync(CancellationToken.None);
        }
    }

    private async Task TurnAsync(CancellationToken cancellationToken)
    {
        foreach (var job in await DueAsync(cancellationToken))
        {
            await _places.WaitAsync(cancellationToken);
            _ = AskInPlaceAsync(job, cancellationToken);
        }
    }

    private async Task<List<OpenJob>> DueAsync(CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        var now = scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime;
        return await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().OpenJobs.AsNoTracking()
            .Where(job => job.NextAt <= now).OrderBy(job => job.NextAt).Take(AtOnce).ToListAsync(cancellationToken);
    }

    /// <summary>One question, from its claim to what follows from its answer. It never fails: one that cannot be settled is tried again in its turn.</summary>
    private async Task AskInPlaceAsync(OpenJob job, CancellationToken cancellationToken)
    {
        try
        {
            await using var scope = scopes.CreateAsyncScope();
            var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
            var clock = scope.ServiceProvider.GetRequiredService<TimeProvider>().GetUtcNow();
            var pause = Pause(job.Tries);
            var held = clock.UtcDateTime + (pause > Held ? pause : Held);
            if (await db.OpenJobs.Where(j => j.UsageId == job.UsageId && j.Tries == job.Tries)
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.NextAt, held).SetProperty(j => j.Tries, j => j.Tries + 1), cancellationToken) == 1)
            {
                await SettleAsync(scope.ServiceProvider, db, job, clock, cancellationToken);
            }
        }
        catch (Exception exception)
        {
            if (!cancellationToken.IsCancellationRequested)
            {
                logger.LogError(exception, "What {Kind} {Id} of grant {GrantId} has cost could not be settled.", job.Kind, job.ObjectId, job.GrantId);
            }
        }
        finally
        {
            _places.Release();
        }
    }

    private async Task SettleAsync(IServiceProvider services, BrokerDbContext db, OpenJob job, DateTimeOffset clock, CancellationToken cancellationToken)
    {
        var answer = await AskAsync(db, job, cancellationToken);
        if (answer.Truth is { } truth)
        {
            var row = truth.ToRow(Guid.CreateVersion7(clock), job.GrantId, "", job.Model, StatusCodes.Status200OK, TimeSpan.Zero, clock);
            await services.GetRequiredService<SettleJob>().RunAsync(job, row, cancellationToken);
        }
        else if (answer.IsLost || clock.UtcDateTime - job.OpenedAt > GiveUp)
        {
            logger.LogWarning("What {Kind} {Id} of grant {GrantId} has cost is not known; it stays charged at its worst.", job.Kind, job.ObjectId, job.GrantId);
            await db.OpenJobs.Where(j => j.UsageId == job.UsageId).ExecuteDeleteAsync(cancellationToken);
        }
        else
        {
            // It was answered sooner than a question may take: the row is anybody's again, after its pause.
            var next = clock.UtcDateTime + Pause(job.Tries);
            await db.OpenJobs.Where(j => j.UsageId == job.UsageId && j.Tries == job.Tries + 1 && j.NextAt > next)
                .ExecuteUpdateAsync(set => set.SetProperty(j => j.NextAt, next), cancellationToken);
        }
    }

    private async Task<JobAnswer> AskAsync(BrokerDbContext db, OpenJob job, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            var isValid = await db.Grants.AnyAsync(
                g => g.Id == job.GrantId && g.Status == OpenIddictConstants.Statuses.Valid && g.PausedAt == null, cancellationToken);
            return isValid && catalogue.Find(job.UpstreamId) is { } upstream
                && await keys.OpenAsync(new KeyUse(job.UpstreamKeyId, job.GrantId, null, job.IsPaidByCredit), patience.Token) is { Text: { } key }
                    ? await report.AskAsync(job, upstream, key, patience.Token)
                    : JobAnswer.NotYet;
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return JobAnswer.NotYet;
        }
    }

    private TimeSpan Pause(int tries) =>
        TimeSpan.FromTicks((long)Math.Min(Longest.Ticks, options.Value.JobPoll.Ticks * Math.Pow(2, Math.Min(tries, 20))));
}
