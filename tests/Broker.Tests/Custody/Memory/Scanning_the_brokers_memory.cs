using System.Net;
using System.Text;
using TokenBroker.Tests.Custody.Canary;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Custody.Memory;

/// <summary>The address space of the real program, searched for a key while it is in use and once nobody needs it.</summary>
[Trait("Checklist", "14")]
public sealed class Scanning_the_brokers_memory
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);

    private static readonly Dictionary<string, string> Soon = new()
    {
        ["Custody:OpenKeys:For"] = "00:00:02",
        ["Gateway:RecheckInterval"] = "00:00:01",
    };

    [Fact]
    public async Task Finds_the_key_while_it_is_in_use_and_nothing_of_it_after_idle_time()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("Only Linux shows a process's memory as a file.");
        }

        await using var host = await BrokerHost.StartAsync(Soon);
        using var person = await Person.SignedUpAsync(host);
        var key = KeySearch.NewKey();
        using var broker = await BrokerProcess.TakeOverAsync(host);
        (await person.AddKeyAsync(key)).Should().BeNull();
        var tokens = await new OAuthApp(host).ConnectAsync(person);
        for (var i = 0; i < 20; i++)
        {
            using var answer = await new Api(host, tokens.AccessToken).ChatAsync();
            answer.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        byte[][] needles = [Encoding.ASCII.GetBytes(key), Encoding.Unicode.GetBytes(key)];
        var inUse = ProcessMemory.Count(broker.Id, needles);
        inUse.Should().BePositive("the search must be able to find it");

        // Nobody calls any more, and the provider closes its connections.
        await host.Sandbox.StopAsync();
        using var patience = new CancellationTokenSource(Patience);
        var left = inUse;
        while (left > 0 && !patience.IsCancellationRequested)
        {
            await Task.Delay(TimeSpan.FromSeconds(5));
            left = ProcessMemory.Count(broker.Id, needles);
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"copies of the key: {inUse} in use, {left} after idle time");
        left.Should().Be(0, "what is left after idle time: see docs/threat-model.md");
    }

    [Fact]
    public async Task Is_refused_to_other_processes_of_the_same_user_and_dumps_no_core()
    {
        if (!OperatingSystem.IsLinux())
        {
            Assert.Skip("Only Linux has this switch.");
        }

        await using var host = await BrokerHost.StartAsync();
        using var broker = await BrokerProcess.TakeOverAsync(host);

        var limits = await File.ReadAllLinesAsync($"/proc/{broker.Id}/limits");
        limits.Should().Contain(line => line.StartsWith("Max core file size", StringComparison.Ordinal) && line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[4] == "0");

        // What is not dumpable belongs to root, whoever runs it (proc(5)).
        using var owner = System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo("stat", ["-c", "%u", $"/proc/{broker.Id}/mem"]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        (await owner.StandardOutput.ReadToEndAsync()).Trim().Should().Be("0");
    }
}
