using CsCheck;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Apps;
using TokenBroker.Apps.Review;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Review;

/// <summary>The review against a model of it that fits on a page: random steps, in any order, with versions fresh and stale.</summary>
public sealed class Any_sequence_of_steps(SharedBroker shared)
{
    private enum Step
    {
        Submit,
        SubmitAsStranger,
        Approve,
        ApproveStale,
        Reject,
        RejectStale,
        Withdraw,
        Reset,
    }

    private static ReviewStatus? Next(ReviewStatus from, Step step) => (from, step) switch
    {
        (ReviewStatus.Unreviewed or ReviewStatus.Rejected, Step.Submit) => ReviewStatus.Submitted,
        (ReviewStatus.Submitted, Step.Approve) => ReviewStatus.Approved,
        (ReviewStatus.Submitted, Step.Reject) => ReviewStatus.Rejected,
        (ReviewStatus.Approved, Step.Withdraw) => ReviewStatus.Unreviewed,
        (ReviewStatus.Approved or ReviewStatus.Submitted, Step.Reset) => ReviewStatus.Unreviewed,
        _ => null,
    };

    private static string? AuditOf(Step step) => step switch
    {
        Step.Submit => "app.submitted",
        Step.Approve => "app.approved",
        Step.Reject => "app.rejected",
        Step.Withdraw => "app.review_withdrawn",
        Step.Reset => "app.review_reset",
        _ => null,
    };

    [Fact]
    public async Task Goes_where_the_model_goes_and_records_each_step_that_went()
    {
        using var developer = await Developer.SignedUpAsync(shared.Host);
        var reviewer = Guid.NewGuid();
        var app = await developer.NewAppAsync();
        var appId = await shared.Host.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync());
        var model = ReviewStatus.Unreviewed;
        List<string> expected = ["app.registered"];
        var stale = Guid.NewGuid().ToString();

        await Gen.Enum<Step>().List[1, 40].SampleAsync(
            async steps =>
            {
                foreach (var step in steps)
                {
                    var (outcome, after) = await TakeAsync(step);
                    var next = Next(model, step);
                    if ((outcome == ReviewOutcome.Done) != (next is not null) || after != (next ?? model))
                    {
                        return false;
                    }

                    if (next is { } moved)
                    {
                        model = moved;
                        expected.Add(AuditOf(step)!);
                    }
                }

                return true;
            },
            iter: 25, threads: 1);

        var audited = await shared.Host.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Target == $"app:{appId}").OrderBy(e => e.Sequence).Select(e => e.Action).ToListAsync());
        audited.Should().Equal(expected);
        expected.Distinct().Should().HaveCount(6, "each step must have gone at least once");

        async Task<(ReviewOutcome Outcome, ReviewStatus After)> TakeAsync(Step step)
        {
            await using var scope = shared.Host.Services.CreateAsyncScope();
            var review = scope.ServiceProvider.GetRequiredService<ReviewApp>();
            var apps = scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Apps.AsNoTracking().Where(a => a.Id == appId);
            var before = await apps.SingleAsync();
            var version = before.ConcurrencyToken!;
            var outcome = step switch
            {
                Step.Submit => await review.SubmitAsync(appId, developer.UserId, "note", CancellationToken.None),
                Step.SubmitAsStranger => await review.SubmitAsync(appId, Guid.NewGuid(), "note", CancellationToken.None),
                Step.Approve => await review.ApproveAsync(appId, reviewer, version, null, CancellationToken.None),
                Step.ApproveStale => await review.ApproveAsync(appId, reviewer, stale, null, CancellationToken.None),
                Step.Reject => await review.RejectAsync(appId, reviewer, version, "note", CancellationToken.None),
                Step.RejectStale => await review.RejectAsync(appId, reviewer, stale, "note", CancellationToken.None),
                Step.Withdraw => await review.WithdrawAsync(appId, reviewer, "note", CancellationToken.None),
                _ => await review.ResetAsync(appId, "system", CancellationToken.None),
            };
            var after = await apps.SingleAsync();
            (after.ConcurrencyToken != version).Should().Be(outcome == ReviewOutcome.Done, "what was decided on is a new version");
            stale = version == after.ConcurrencyToken ? stale : version;
            return (outcome, after.ReviewStatus);
        }
    }

    [Fact]
    public async Task Goes_once_where_twenty_decide_at_once()
    {
        using var developer = await Developer.SignedUpAsync(shared.Host);
        var app = await developer.NewAppAsync();
        await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit");
        var (appId, version) = await shared.Host.WithDatabaseAsync(async db =>
        {
            var row = await db.Apps.SingleAsync(a => a.ClientId == app.ClientId);
            return (row.Id, row.ConcurrencyToken!);
        });

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(async i =>
        {
            await using var scope = shared.Host.Services.CreateAsyncScope();
            var review = scope.ServiceProvider.GetRequiredService<ReviewApp>();
            return i % 2 == 0
                ? await review.ApproveAsync(appId, Guid.NewGuid(), version, null, CancellationToken.None)
                : await review.RejectAsync(appId, Guid.NewGuid(), version, "no", CancellationToken.None);
        }));

        outcomes.Should().ContainSingle(o => o == ReviewOutcome.Done);
    }
}
