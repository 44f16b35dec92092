using System.Globalization;
using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Custody.Rewrapping;

/// <summary>
/// The real program rewraps, is killed at about a third and two thirds, and goes on, beside a broker that serves. What it took
/// is printed. TOKENBROKER_REWRAP_KEYS gives another number of keys.
/// </summary>
[Trait("Checklist", "16")]
public sealed class Rewrapping_a_hundred_thousand_keys(ITestOutputHelper output)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly int Number = int.Parse(Environment.GetEnvironmentVariable("TOKENBROKER_REWRAP_KEYS") ?? "100000", CultureInfo.InvariantCulture);

    [Fact]
    public async Task Killed_twice_while_calls_run_loses_none_and_ends_with_nothing_left()
    {
        await using var broker = await BrokerHost.StartAsync();
        var people = new List<Connected>();
        for (var i = 0; i < 4; i++)
        {
            people.Add(await Connected.AsAsync(broker));
        }

        var seeding = TimeProvider.System.GetTimestamp();
        var keys = await SeededKeys.MakeAsync(broker, Number);
        Print($"{Number:N0} keys sealed and stored in {TimeProvider.System.GetElapsedTime(seeding).TotalSeconds:0.0} s");
        using var enough = new CancellationTokenSource();
        var callers = people.Select(person => CallAsync(broker, person, enough.Token)).Append(StoreAndDeleteAsync(broker, enough.Token)).ToList();
        var here = broker.DataArguments();

        // 1. Rotated while it serves; the rewrap is killed at a third, and at two thirds.
        var rotated = await JsonOfAsync(["vault", "rotate", "--json", .. here]);
        var (now, before) = (rotated.GetProperty("version").GetString()!, rotated.GetProperty("previous").GetString()!);
        await KillAtAsync(broker, before, Number * 2 / 3, here);
        var atFirst = await UnderAsync(broker, before);
        await KillAtAsync(broker, before, Number / 3, here);
        var atSecond = await UnderAsync(broker, before);
        Print($"killed with {atFirst:N0} keys left, and with {atSecond:N0} left");

        // 2. The third goes to the end.
        var done = await JsonOfAsync(["vault", "rewrap", "--json", .. here]);
        var (moved, seconds) = (done.GetProperty("moved").GetInt64(), done.GetProperty("seconds").GetDouble());
        Print($"the rest: {moved:N0} records in {seconds:0.0} s, {moved / seconds:N0} a second; {done.GetProperty("wraps")} wraps, {done.GetProperty("unwraps")} unwraps");
        var calls = 0;
        await enough.CancelAsync();
        foreach (var caller in callers)
        {
            calls += await caller;
        }

        Print($"{calls:N0} calls of {people.Count} people, and keys stored and deleted, meanwhile");

        // 3. Nothing was lost, nothing is left, and the old version can go.
        done.GetProperty("cannot_be_opened").GetArrayLength().Should().Be(0);
        atFirst.Should().BeGreaterThan(atSecond).And.BeLessThan(Number);
        atSecond.Should().BeGreaterThan(0, "the second was killed on its way as well");
        moved.Should().BeLessThan(Number, "what the first two had done was not done again");
        await JsonOfAsync(["vault", "rewrap", "--json", .. here]);
        (await JsonOfAsync(["vault", "retire", before, "--yes", "--json", .. here])).GetProperty("retired").GetString().Should().Be(before);
        var status = await JsonOfAsync(["vault", "status", "--json", .. here]);
        status.GetProperty("cannot_be_opened").GetArrayLength().Should().Be(0);
        status.GetProperty("unknown").GetArrayLength().Should().Be(0);
        (await File.ReadAllLinesAsync(Path.Combine(broker.DataDirectory, "vault.key"))).Should().HaveCount(1);

        await broker.RestartBrokerAsync();
        (await keys.OpenAsync()).Should().Be(Number, "every key opens to what it was, by the new version alone");
        foreach (var person in people)
        {
            using var answer = await person.Api.ChatAsync();
            answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
            broker.Journal.Snapshot().Last(e => e.Path == "/v1/chat/completions").Key.Should().Be(person.Key);
            person.Dispose();
        }

        await using var scope = broker.Services.CreateAsyncScope();
        (await scope.ServiceProvider.GetRequiredService<AuditLog>().VerifyAsync(CancellationToken.None)).BrokenAt.Should().BeNull();
        (await broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Actor == "operator:cli").OrderBy(e => e.Sequence).Select(e => e.Action + " " + e.Target).ToListAsync()))
            .Should().Equal(
                $"vault.rotated kek:{now}", $"vault.rewrap_started kek:{now}", $"vault.rewrap_started kek:{now}", $"vault.rewrap_started kek:{now}", $"vault.rewrapped kek:{now}",
                $"vault.rewrap_started kek:{now}", $"vault.rewrapped kek:{now}", $"vault.retired kek:{before}");
    }

    /// <summary>Calls until told to stop; the key is opened anew again and again, from the database and by the vault.</summary>
    private static async Task<int> CallAsync(BrokerHost broker, Connected person, CancellationToken enough)
    {
        var keyId = await broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == person.GrantId).Select(g => g.UpstreamKeyId!.Value).SingleAsync());
        var calls = 0;
        for (; !enough.IsCancellationRequested; calls++)
        {
            using var answer = await person.Api.ChatAsync();
            answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync(CancellationToken.None));
            broker.Services.GetRequiredService<OpenKeys>().Drop(keyId);
            await Task.Delay(50, CancellationToken.None);
        }

        return calls;
    }

    private static async Task<int> StoreAndDeleteAsync(BrokerHost broker, CancellationToken enough)
    {
        using var person = await Person.SignedUpAsync(broker);
        while (!enough.IsCancellationRequested)
        {
            (await person.AddKeyAsync(BrokerHost.NewKey())).Should().BeNull("a key can be stored while the others are rewrapped");
            var userId = await broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
            var stored = await broker.WithDatabaseAsync(db => db.UpstreamKeys.Where(k => k.UserId == userId).Select(k => k.Id).ToListAsync());
            await Task.Delay(100, CancellationToken.None);
            foreach (var id in stored.SkipLast(1))
            {
                await using var scope = broker.Services.CreateAsyncScope();
                await scope.ServiceProvider.GetRequiredService<TokenBroker.Grants.RemoveKey>().RunAsync(id, userId, CancellationToken.None);
            }
        }

        return 0;
    }

    private static async Task KillAtAsync(BrokerHost broker, string kekId, int left, string[] here)
    {
        using var rewrap = BrokerProcess.Start("Development", ["vault", "rewrap", .. here]);
        while (await UnderAsync(broker, kekId) > left)
        {
            rewrap.HasEnded.Should().BeFalse("it is to be killed on its way: " + rewrap.Error);
            await Task.Delay(100);
        }

        await rewrap.KillAsync();
    }

    private static Task<int> UnderAsync(BrokerHost broker, string kekId) =>
        broker.WithDatabaseAsync(db => db.UpstreamKeys.CountAsync(k => k.KekId == kekId));

    private static async Task<JsonElement> JsonOfAsync(string[] arguments)
    {
        using var process = BrokerProcess.Start("Development", arguments);
        await process.WaitAsync(Patience);
        process.ExitCode.Should().Be(0, process.Error + process.Output);
        return JsonSerializer.Deserialize<JsonElement>(process.Output);
    }

    private void Print(FormattableString line) => output.WriteLine(line.ToString(CultureInfo.InvariantCulture));
}
