using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Credit;

/// <summary>The operator's commands, on the data of a broker that runs.</summary>
public sealed class Commanding_credit
{
    [Fact]
    public async Task Goes_from_a_key_to_a_proof()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.SignedUpAsync(broker);
        var key = BrokerHost.NewKey();

        using var put = await RunAsync(broker, key + "\n", "credit", "key", "put", "--json");
        put.ExitCode.Should().Be(0, put.Error);
        var tokens = await new OAuthApp(broker).ConnectAsync(person);
        using var topUp = await RunAsync(broker, null, "credit", "top-up", "--user", person.Email, "--usd", "5.5", "--reference", "gift-1", "--json");
        using var again = await RunAsync(broker, null, "credit", "top-up", "--user", person.Email, "--usd", "5.5", "--reference", "gift-1", "--json");
        using var call = await new Api(broker, tokens.AccessToken).ChatAsync();
        using var tooMuch = await RunAsync(broker, null, "credit", "adjust", "--user", person.Email, "--usd", "-6");
        using var list = await RunAsync(broker, null, "credit", "list", "--json");
        using var verify = await RunAsync(broker, null, "credit", "verify", "--json");

        topUp.ExitCode.Should().Be(0, topUp.Error);
        Json(again).GetProperty("repeated").GetBoolean().Should().BeTrue();
        call.IsSuccessStatusCode.Should().BeTrue(await call.Content.ReadAsStringAsync());
        broker.Journal.Snapshot().Should().Contain(e => e.Key == key && e.Path == "/v1/chat/completions");
        tooMuch.ExitCode.Should().Be(1);
        tooMuch.Error.Should().Contain("So much is not left").And.NotContain("   at ");
        Json(list).GetProperty("accounts")[0].GetProperty("funded_micros").GetInt64().Should().Be(5_500_000);
        verify.ExitCode.Should().Be(0, verify.Output);
        Json(verify).GetProperty("faults").GetArrayLength().Should().Be(0);

        // What is wrong is found.
        await broker.WithDatabaseAsync(db => db.CreditAccounts.ExecuteUpdateAsync(set => set.SetProperty(a => a.BalanceMicros, a => a.BalanceMicros + 1)));
        using var broken = await RunAsync(broker, null, "credit", "verify");
        broken.ExitCode.Should().Be(1);
        broken.Output.Should().Contain("its lines say");
    }

    private static async Task<BrokerProcess> RunAsync(BrokerHost broker, string? input, params string[] words)
    {
        var process = BrokerProcess.Start("Development", [.. words, .. broker.DataArguments(), $"--Upstreams:openai:BaseUrl={broker.SandboxAddress}/v1"]);
        await process.WriteAsync(input ?? "");
        await process.WaitAsync(TimeSpan.FromMinutes(3));
        return process;
    }

    private static JsonElement Json(BrokerProcess process) => JsonSerializer.Deserialize<JsonElement>(process.Output);
}
