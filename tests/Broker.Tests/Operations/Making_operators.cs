using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary>Operators are made by the command line alone, on the data of a broker that runs or not.</summary>
public sealed class Making_operators
{
    [Fact]
    public async Task Works_while_the_broker_runs_and_is_audited()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var person = await Person.SignedUpAsync(broker);
        var data = broker.DataArguments();

        using var stranger = await BrokerProcess.RunAsync("Development", ["operators", "add", "nobody@example.com", .. data]);
        using var added = await BrokerProcess.RunAsync("Development", ["operators", "add", person.Email.ToUpperInvariant(), .. data]);
        using var listed = await BrokerProcess.RunAsync("Development", ["operators", "list", "--json", .. data]);

        stranger.ExitCode.Should().Be(1);
        stranger.Error.Should().Contain("No account has the address nobody@example.com").And.NotContain("   at ");
        added.ExitCode.Should().Be(0, added.Error);
        JsonSerializer.Deserialize<JsonElement>(listed.Output).GetProperty("operators").EnumerateArray().Select(e => e.GetString()).Should().Equal(person.Email);
        (await person.PageAsync("/operator/reviews")).QuerySelector("h1")!.TextContent.Should().Be("Reviews");

        using var removed = await BrokerProcess.RunAsync("Development", ["operators", "remove", person.Email, .. data]);
        removed.ExitCode.Should().Be(0, removed.Error);
        (await person.GetAsync("/operator/reviews")).StatusCode.Should().Be(System.Net.HttpStatusCode.NotFound);
        var events = await broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.Action.StartsWith("operator.")).OrderBy(e => e.Sequence).Select(e => e.Action + " " + e.Actor).ToListAsync());
        events.Should().Equal("operator.added system", "operator.removed system");
    }

    [Fact]
    public async Task Makes_no_database_by_looking()
    {
        var directory = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

        using var list = await BrokerProcess.RunAsync("Development", "operators", "list", $"--Storage:DataDirectory={directory}");

        list.ExitCode.Should().Be(1);
        list.Error.Should().Contain("migrate");
        Directory.Exists(directory).Should().BeFalse();
    }
}
