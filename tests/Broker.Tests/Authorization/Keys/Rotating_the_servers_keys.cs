using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Authorization.Keys;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Keys;

/// <summary>The keys follow one another on a replaced clock, without a restart: announced, signing, retained, gone.</summary>
public sealed class Rotating_the_servers_keys
{
    private static readonly TimeSpan RotateEvery = TimeSpan.FromHours(2);
    private static readonly TimeSpan AnnounceFor = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan RetainFor = TimeSpan.FromHours(1);
    private static readonly TimeSpan CheckEvery = TimeSpan.FromMinutes(5);

    private static readonly Dictionary<string, string> Schedule = new()
    {
        ["Keys:RotateEvery"] = RotateEvery.ToString(),
        ["Keys:AnnounceFor"] = AnnounceFor.ToString(),
        ["Keys:RetainFor"] = RetainFor.ToString(),
        ["Keys:CheckEvery"] = CheckEvery.ToString(),
    };

    private static readonly TimeSpan Step = TimeSpan.FromMinutes(2);

    [Fact]
    public async Task Fails_no_validation_under_load()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Schedule, clock);
        var clients = new List<StrictClient>();
        for (var i = 0; i < 3; i++)
        {
            clients.Add(await StrictClient.ConnectAsync(broker, clock));
        }

        using var stop = new CancellationTokenSource();
        var load = clients.Select(client => Task.Run(() => client.RunAsync(stop.Token))).ToList();
        for (var passed = TimeSpan.Zero; passed < TimeSpan.FromHours(4.5); passed += Step)
        {
            // The clock goes on while requests are on their way, and no faster than the requests come.
            var before = clients.Select(client => client.Rounds).ToList();
            clock.Advance(Step);
            await Eventually.IsAsync(
                () => Task.FromResult(load.Any(task => task.IsCompleted) || clients.Zip(before).All(pair => pair.First.Rounds > pair.Second)), all => all);
        }

        await stop.CancelAsync();
        await Task.WhenAll(load);
        clients.ForEach(client => client.Dispose());

        clients.SelectMany(client => client.Failures).Should().BeEmpty();
        clients.SelectMany(client => client.Retried).Should().BeEmpty("a change of keys is not noticed");
        clients.Sum(client => client.Rounds).Should().BeGreaterThan(400);
        clients.SelectMany(client => client.SignedBy).Distinct().Count().Should().BeGreaterThanOrEqualTo(3, "the time holds the first key and two after it");
    }

    [Fact]
    public async Task Announces_a_key_before_it_signs_and_keeps_it_after()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Schedule, clock);
        var seen = new Dictionary<string, (DateTimeOffset First, DateTimeOffset Last)>();
        var signed = new Dictionary<string, (DateTimeOffset First, DateTimeOffset Last)>();
        for (var at = TimeSpan.Zero; at < TimeSpan.FromHours(9); at += CheckEvery)
        {
            await SettledAsync(broker);
            var now = clock.GetUtcNow();
            foreach (var kid in await KidsAsync(broker))
            {
                seen[kid] = (seen.TryGetValue(kid, out var known) ? known.First : now, now);
            }

            var signer = SignerOf(broker);
            signed[signer] = (signed.TryGetValue(signer, out var before) ? before.First : now, now);
            clock.Advance(CheckEvery);
        }

        var inOrder = signed.OrderBy(pair => pair.Value.First).ToList();
        inOrder.Count.Should().BeGreaterThanOrEqualTo(4);
        foreach (var (kid, times) in inOrder.Skip(1))
        {
            (times.First - seen[kid].First).Should().BeGreaterThanOrEqualTo(AnnounceFor - CheckEvery - CheckEvery, "a client that keeps the JWKS for a while knows the key when it meets it");
        }

        foreach (var (kid, times) in inOrder.Take(2))
        {
            (times.Last - times.First).Should().BeCloseTo(RotateEvery, CheckEvery * 3);
            (seen[kid].Last - times.Last).Should().BeCloseTo(RetainFor, CheckEvery * 3);
            seen[kid].Last.Should().BeBefore(clock.GetUtcNow() - CheckEvery - CheckEvery, "it must be gone by now");
        }

        var actions = await broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Target.StartsWith("server_key:")).Select(e => e.Action).Distinct().ToListAsync());
        actions.Should().BeEquivalentTo("server_key.made", "server_key.removed");
    }

    [Fact]
    public async Task Signs_on_with_the_old_key_after_a_long_sleep_until_the_new_one_was_announced()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Schedule, clock);
        var first = SignerOf(broker);
        await broker.StopBrokerAsync();
        clock.Advance(RotateEvery + (RetainFor / 2));

        await broker.StartBrokerAsync();

        SignerOf(broker).Should().Be(first);
        (await KidsAsync(broker)).Should().HaveCount(2).And.Contain(first);
    }

    [Fact]
    public async Task Begins_anew_where_every_key_has_expired()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(Schedule, clock);
        var first = SignerOf(broker);
        await broker.StopBrokerAsync();
        clock.Advance(RotateEvery + RetainFor + TimeSpan.FromDays(1));

        await broker.StartBrokerAsync();

        SignerOf(broker).Should().NotBe(first);
        (await KidsAsync(broker)).Should().ContainSingle();
    }

    [Fact]
    public async Task Refuses_a_schedule_that_would_fail_clients()
    {
        var start = () => BrokerHost.StartAsync(new() { ["Keys:AnnounceFor"] = "00:30:00" });

        (await start.Should().ThrowAsync<Microsoft.Extensions.Options.OptionsValidationException>()).WithMessage("*AnnounceFor at least twice CheckEvery*");
    }

    /// <summary>Waits until the broker has dealt with the ticks of its clock: the schedule then asks for nothing more.</summary>
    private static Task<bool> SettledAsync(BrokerHost broker) => Eventually.IsAsync(
        () => broker.WithDatabaseAsync(async db =>
        {
            var now = broker.Clock!.GetUtcNow().UtcDateTime;
            var rows = await db.ServerKeys.AsNoTracking().Where(k => k.Use == "sig").OrderBy(k => k.ActivatesAt).ToListAsync();
            return rows.All(row => row.ExpiresAt > now) && now < rows[^1].ActivatesAt + RotateEvery - AnnounceFor;
        }),
        settled => settled);

    private static string SignerOf(BrokerHost broker) =>
        broker.Services.GetRequiredService<ServerKeys>().SigningKeys[0].KeyId;

    private static async Task<List<string>> KidsAsync(BrokerHost broker) =>
        [.. (await IdToken.JwksAsync(broker)).GetProperty("keys").EnumerateArray().Select(key => key.GetProperty("kid").GetString()!)];
}
