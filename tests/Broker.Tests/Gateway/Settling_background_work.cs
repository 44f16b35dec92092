using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Gateway.Objects;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>A response in the background is charged at its worst, and at what it cost once that is known. gpt-4o costs 2.50 and 10 for a million.</summary>
[Trait("Checklist", "28")]
public sealed class Settling_background_work
{
    private const string Body = """{"model":"gpt-4o","input":"Hello","store":true,"background":true,"max_output_tokens":10000}""";
    private static readonly Dictionary<string, string> Often = new() { ["Gateway:JobPoll"] = "00:00:00.1" };
    private static readonly Dictionary<string, string> Rarely = new() { ["Gateway:JobPoll"] = "00:10:00" };

    /// <summary>At most as many tokens as bytes, and all the output.</summary>
    private static long Worst => (long)Math.Ceiling(Body.Length * 2.5m) + (10_000 * 10);

    private static long True => (long)Math.Ceiling((TokenCount.Of("Hello") * 2.5m) + (TokenCount.Of(Reply.To("Hello")) * 10m));

    [Fact]
    public async Task Charges_the_worst_until_the_provider_tells()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");

        await BeginAsync(connected);

        var usage = (await connected.UsageAsync())[0];
        (usage.CostMicros, usage.Estimated).Should().Be((Worst, true));
        var job = await broker.WithDatabaseAsync(db => db.OpenJobs.SingleAsync());
        (job.ChargedMicros, job.Kind).Should().Be((Worst, JobKind.Response));
        (await SpendsAsync(connected)).Should().OnlyContain(spend => spend.CostMicros == Worst).And.HaveCount(9, "its grant, app and user count the day, the month and in all");
    }

    [Fact]
    public async Task Charges_what_it_cost_once_the_provider_tells()
    {
        await using var broker = await BrokerHost.StartAsync(Often);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");

        await BeginAsync(connected);

        var usage = await SettledAsync(connected);
        (usage.CostMicros, usage.InputTokens, usage.OutputTokens).Should().Be((True, TokenCount.Of("Hello"), TokenCount.Of(Reply.To("Hello"))));
        (await SpendsAsync(connected)).Should().OnlyContain(spend => spend.CostMicros == True && spend.Calls == 1).And.HaveCount(9);
        (await broker.WithDatabaseAsync(db => db.OpenJobs.CountAsync())).Should().Be(0);
    }

    [Fact]
    public async Task Gives_the_budget_back_what_was_not_used()
    {
        // A budget of 12 cents holds one such response at its worst of 10 and no second one.
        await using var broker = await BrokerHost.StartAsync(Often);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "0.12");
        await BeginAsync(connected);
        await SettledAsync(connected);

        var again = await Eventually.IsAsync(
            async () =>
            {
                using var response = await connected.Api.PostRawAsync("/responses", Body);
                return (response.StatusCode, Sent: connected.Received[^1].Text);
            },
            answer => answer.StatusCode == HttpStatusCode.OK);

        again.StatusCode.Should().Be(HttpStatusCode.OK);
        again.Sent.Should().Contain("\"max_output_tokens\":10000", "nothing had to be shortened");
    }

    [Fact]
    public async Task Is_not_lost_by_a_restart()
    {
        var settings = new Dictionary<string, string>(Rarely);
        await using var broker = await BrokerHost.StartAsync(settings);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        await BeginAsync(connected);
        await connected.UsageAsync();

        await broker.StopBrokerAsync();
        settings["Gateway:JobPoll"] = "00:00:00.1";
        await broker.StartBrokerAsync();

        (await SettledAsync(connected)).CostMicros.Should().Be(True);
        (await SpendsAsync(connected)).Should().OnlyContain(spend => spend.CostMicros == True);
    }

    [Fact]
    public async Task Happens_once_however_many_try()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        await BeginAsync(connected);
        await connected.UsageAsync();
        var job = await broker.WithDatabaseAsync(db => db.OpenJobs.AsNoTracking().SingleAsync());
        var truth = new Usage { Operation = "", CostMicros = 7 };

        var settled = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => broker.WithDatabaseAsync(
            db => new SettleJob(db, Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<LeaseUpkeep>(broker.Services)).RunAsync(job, truth, default)))));

        settled.Should().ContainSingle(ours => ours);
        (await SpendsAsync(connected)).Should().OnlyContain(spend => spend.CostMicros == 7);
    }

    [Fact]
    public async Task Waits_for_no_answer_that_is_slow()
    {
        var settings = new Dictionary<string, string>(Rarely);
        await using var broker = await BrokerHost.StartAsync(settings);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        for (var i = 0; i < 4; i++)
        {
            await BeginAsync(connected);
        }

        await connected.UsageAsync(4);
        var jobs = await broker.WithDatabaseAsync(db => db.OpenJobs.AsNoTracking().OrderBy(j => j.NextAt).ToListAsync());
        await broker.StopBrokerAsync();
        broker.Faults.Next(FaultKind.Stall, path: "/v1/responses/" + jobs[0].ObjectId);
        broker.Faults.Next(FaultKind.Stall, path: "/v1/responses/" + jobs[1].ObjectId);
        settings["Gateway:JobPoll"] = "00:00:00.1";
        await broker.StartBrokerAsync();

        var left = await Eventually.IsAsync(() => broker.WithDatabaseAsync(db => db.OpenJobs.AsNoTracking().Select(j => j.ObjectId).ToListAsync()), ids => ids.Count == 2);

        left.Should().BeEquivalentTo([jobs[0].ObjectId, jobs[1].ObjectId], "those that were answered are settled while the first two hang");

        // A later job is settled as well, by later turns.
        await BeginAsync(connected);
        var usage = await Eventually.IsAsync(() => connected.UsageAsync(5), rows => rows.Count == 5 && rows.Count(row => row.Estimated) == 2);
        usage.Count(row => row.Estimated).Should().Be(2);
        (await Eventually.IsAsync(() => Task.FromResult(broker.Faults.Pending), pending => pending == 0)).Should().Be(0, "the provider was asked about both");
        foreach (var job in jobs.Take(2))
        {
            (await broker.WithDatabaseAsync(db => db.OpenJobs.Where(j => j.UsageId == job.UsageId).Select(j => j.Tries).SingleAsync())).Should().Be(1, "it is not asked again while it is asked");
        }
    }

    [Fact]
    public async Task Never_leaves_less_than_nothing()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        await BeginAsync(connected);
        await connected.UsageAsync();
        var job = await broker.WithDatabaseAsync(db => db.OpenJobs.AsNoTracking().SingleAsync());
        job.ChargedMicros = 1_000_000_000;

        await broker.WithDatabaseAsync(
            db => new SettleJob(db, Microsoft.Extensions.DependencyInjection.ServiceProviderServiceExtensions.GetRequiredService<LeaseUpkeep>(broker.Services))
                .RunAsync(job, new Usage { Operation = "" }, default));

        (await SpendsAsync(connected)).Should().OnlyContain(spend => spend.CostMicros == 0);
    }

    [Fact]
    public async Task Asks_nothing_with_the_key_of_a_grant_that_has_ended()
    {
        var settings = new Dictionary<string, string>(Rarely);
        await using var broker = await BrokerHost.StartAsync(settings);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        await BeginAsync(connected);
        await connected.UsageAsync();
        await new OAuthApp(broker).RevokeAsync(connected.Tokens.RefreshToken);
        var before = broker.Journal.Arrived;

        await broker.StopBrokerAsync();
        settings["Gateway:JobPoll"] = "00:00:00.1";
        await broker.StartBrokerAsync();

        (await Eventually.IsAsync(() => broker.WithDatabaseAsync(db => db.OpenJobs.AsNoTracking().SingleAsync()), job => job.Tries > 1)).Tries.Should().BeGreaterThan(1);
        broker.Journal.Arrived.Should().Be(before);
        (await connected.UsageAsync())[0].CostMicros.Should().Be(Worst);
    }

    private static async Task BeginAsync(Connected connected)
    {
        using var response = await connected.Api.PostRawAsync("/responses", Body);
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
    }

    private static async Task<Usage> SettledAsync(Connected connected) =>
        (await Eventually.IsAsync(() => connected.UsageAsync(), rows => !rows[0].Estimated))[0];

    private static Task<List<Spend>> SpendsAsync(Connected connected) => connected.Host.WithDatabaseAsync(db => db.Spend.AsNoTracking().Where(s => s.CostMicros > 0 || s.Calls > 0).ToListAsync());
}
