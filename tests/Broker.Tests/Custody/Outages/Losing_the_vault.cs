using System.Collections.Concurrent;
using System.Net;
using TokenBroker.Tests.Custody.Carrying;
using TokenBroker.Tests.Custody.Vaults.StandIns;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Outages;

/// <summary>
/// The vault goes down, slows, throttles, is sealed or has its key disabled while people call. Calls whose key is open go
/// on; the others are refused with the reason and how long to wait; and once it is back all goes on, without a restart.
/// </summary>
[Trait("Checklist", "15")]
public sealed class Losing_the_vault : IAsyncLifetime
{
    private const int People = 8;
    private TransitStandIn _vault = null!;
    private BrokerHost _broker = null!;

    public static TheoryData<string> Troubles => [.. s_troubles.Keys];

    private static readonly Dictionary<string, (Action<VaultFaults> Begin, Action<VaultFaults> End)> s_troubles = new()
    {
        ["down"] = (f => f.Down = true, f => f.Down = false),
        ["slow"] = (f => f.Slow = TimeSpan.FromSeconds(20), f => f.Slow = TimeSpan.Zero),
        ["throttling"] = (f => f.ThrottleSeconds = 2, f => f.ThrottleSeconds = null),
        ["sealed"] = (f => f.Status = 503, f => f.Status = null),
        ["refusing our token"] = (f => f.TokensExpired = true, f => f.TokensExpired = false),
    };

    public async ValueTask InitializeAsync()
    {
        _vault = await TransitStandIn.StartAsync();
        var settings = new Dictionary<string, string>(_vault.Settings)
        {
            ["Gateway:ConcurrentCalls"] = "200",
            ["Vault:Patience"] = "00:00:01",
            ["Custody:OpenKeys:For"] = "00:00:01",
            ["Gateway:RecheckInterval"] = "00:00:01",
        };
        _broker = await BrokerHost.StartAsync(settings, customise: _vault.Connect);
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _vault.DisposeAsync();
    }

    [Theory]
    [MemberData(nameof(Troubles))]
    public async Task Closes_keys_with_a_reason_and_opens_them_again_by_itself(string trouble)
    {
        var people = new List<Connected>();
        for (var i = 0; i < People; i++)
        {
            people.Add(await Connected.AsAsync(_broker));
        }

        foreach (var person in people)
        {
            using var well = await person.Api.ChatAsync();
            well.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using var stop = new CancellationTokenSource();
        var answers = new ConcurrentQueue<(HttpStatusCode Status, string? Code, TimeSpan? Wait)>();
        var calls = people.Select(person => Task.Run(() => CallAsync(person.Api, answers, stop.Token))).ToList();
        s_troubles[trouble].Begin(_vault.Faults);
        await Eventually.IsAsync(() => Task.FromResult(answers.Count(a => a.Status == HttpStatusCode.ServiceUnavailable)), count => count >= 40);
        var shown = await people[0].Person.PageAsync("/keys");
        using var stored = await people[0].Person.PostAsync("/keys", new() { ["NewKey"] = BrokerHost.NewKey() }, "form[action='/keys']:has(#NewKey)");
        s_troubles[trouble].End(_vault.Faults);
        answers.Clear();
        await Eventually.IsAsync(
            async () =>
            {
                var before = answers.Count;
                await Task.Delay(200);
                return answers.Skip(before).ToList();
            },
            lately => lately.Count >= People && lately.TrueForAll(a => a.Status == HttpStatusCode.OK));
        await stop.CancelAsync();
        await Task.WhenAll(calls);

        if (trouble != "refusing our token")
        {
            shown.Body!.TextContent.Should().Contain("The vault does not answer right now");
        }

        stored.StatusCode.Should().Be(HttpStatusCode.OK, "the form comes back");
        (await stored.Content.ReadAsStringAsync()).Should().Contain("Nothing was stored");
        answers.Where(a => a.Status != HttpStatusCode.OK).Should().OnlyContain(a => a.Status == HttpStatusCode.ServiceUnavailable && a.Code == "vault_unavailable" && a.Wait > TimeSpan.Zero);
        var again = await Eventually.IsAsync(
            async () => (await people[0].Person.PageAsync("/keys")).Body!.TextContent, text => !text.Contains("The vault does not answer", StringComparison.Ordinal));
        again.Should().NotContain("The vault does not answer").And.NotContain("Cannot be opened");
        _vault.Violations.Should().BeEmpty();
        people.ForEach(person => person.Dispose());
    }

    [Fact]
    public async Task Asks_a_vault_that_is_down_seldom_however_many_call()
    {
        var people = new List<Connected>();
        for (var i = 0; i < People; i++)
        {
            people.Add(await Connected.AsAsync(_broker));
        }

        await Task.Delay(TimeSpan.FromSeconds(2));
        _vault.Faults.Down = true;
        var before = _vault.Calls.Count;
        var refused = 0;
        for (var round = 0; round < 5; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(i => people[i % People].Api.ChatAsync()));
            refused += answers.Count(a => a.StatusCode == HttpStatusCode.ServiceUnavailable);
            Array.ForEach(answers, a => a.Dispose());
        }

        refused.Should().Be(500);

        // Those that were on their way when it went down, then one at a time with growing pauses.
        (_vault.Calls.Count - before).Should().BeLessThan(40);
        people.ForEach(person => person.Dispose());
    }

    [Fact]
    public async Task Is_asked_once_for_a_key_that_a_hundred_calls_wait_for()
    {
        using var person = await Connected.AsAsync(_broker, budget: "500");
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        _vault.Faults.Slow = TimeSpan.FromMilliseconds(300);
        var before = _vault.CallsOf("/decrypt/broker-key");
        var start = TimeProvider.System.GetTimestamp();

        var answers = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => person.Api.ChatAsync()));

        answers.Should().OnlyContain(a => a.StatusCode == HttpStatusCode.OK);
        Array.ForEach(answers, a => a.Dispose());

        // It is open for one second, which may have passed for the slowest of them, as often as they took seconds.
        var seconds = (int)TimeProvider.System.GetElapsedTime(start).TotalSeconds;
        (_vault.CallsOf("/decrypt/broker-key") - before).Should().BeInRange(1, 5 + seconds);
    }

    [Fact]
    public async Task Leaves_a_refresh_token_unused_that_carries_a_key()
    {
        using var carried = await Carried.ConnectAsync(_broker);
        _vault.Faults.Down = true;

        using var refused = await carried.App.RefreshAsync(carried.Tokens.RefreshToken);

        refused.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        (await OAuthApp.ErrorAsync(refused)).Should().Be("temporarily_unavailable");
        refused.Headers.RetryAfter.Should().NotBeNull();
        _vault.Faults.Down = false;
        var tokens = await Eventually.IsAsync(
            async () =>
            {
                using var again = await carried.App.RefreshAsync(carried.Tokens.RefreshToken);
                return again.IsSuccessStatusCode ? await OAuthApp.ReadAsync(again) : null;
            },
            tokens => tokens is not null);
        using var answer = await new Api(_broker, tokens!.AccessToken).ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Is_told_by_the_health_check_while_the_broker_stays_ready()
    {
        using var person = await Connected.AsAsync(_broker);
        _vault.Faults.Down = true;
        await Eventually.IsAsync(
            async () =>
            {
                using var call = await person.Api.ChatAsync();
                return call.StatusCode;
            },
            status => status == HttpStatusCode.ServiceUnavailable);

        using var http = _broker.NewClient();
        using var health = await http.GetAsync("/health/ready");

        health.StatusCode.Should().Be(HttpStatusCode.OK);
        (await health.Content.ReadAsStringAsync()).Should().Be("Degraded");
        (await Eventually.IsAsync(() => Task.FromResult(_broker.Log.Lines.Count(line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains("vault does not answer"))), count => count > 0))
            .Should().Be(1, "an operator is told once");
        _vault.Faults.Down = false;
        await Eventually.IsAsync(() => http.GetStringAsync("/health/ready"), text => text == "Healthy");
    }

    private static async Task CallAsync(Api api, ConcurrentQueue<(HttpStatusCode Status, string? Code, TimeSpan? Wait)> answers, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using var answer = await api.ChatAsync();
            var code = answer.IsSuccessStatusCode ? null : (await Api.ErrorAsync(answer)).Code;
            answers.Enqueue((answer.StatusCode, code, answer.Headers.RetryAfter?.Delta));
            await Task.Delay(20, CancellationToken.None);
        }
    }
}
