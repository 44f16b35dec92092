using System.Net;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Storage.PostgreSql;

/// <summary>The steps of docs/backup.md, as they stand there.</summary>
public sealed partial class Restoring_a_dump : IDisposable
{
    private const long Budget = 10_000;
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Brings_back_keys_and_budgets_and_lets_nothing_go_on_unasked()
    {
        var settings = Nodes.SettingsOf(await PostgreSqlServer.NewTablesAsync());
        await using var broker = await BrokerHost.StartAsync(settings);
        using var connected = await Connected.AsAsync(broker, budget: "0.01");
        using (var call = await connected.Api.ChatAsync())
        {
            call.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var before = await connected.SpendAsync();
        var triggers = await TriggersAsync(broker);
        await DumpAsync(settings["Storage:ConnectionString"]);
        await connected.Person.PressAsync("Test App", "Revoke");
        await broker.StopBrokerAsync();

        settings["Storage:ConnectionString"] = await RestoredAsync();
        await broker.StartBrokerAsync();

        await NothingGoesOnAsync(connected);
        var app = new OAuthApp(broker);
        using (var signIn = await connected.Person.PostAsync("/sign-in", new() { ["Email"] = connected.Person.Email, ["Password"] = Person.Password }))
        {
            signIn.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        using (var asked = await connected.Person.GetAsync(app.AuthorizeUrl()))
        {
            (await Person.ParseAsync(asked)).QuerySelector("#Budget").Should().NotBeNull("everything is asked again");
        }

        var tokens = await app.ConnectAsync(connected.Person, answer: new() { ["Form.Budget"] = "0.01" });
        await CallToTheEndAsync(broker, new Api(broker, tokens.AccessToken), connected.Key);
        var grants = await broker.WithDatabaseAsync(db => db.Spend.AsNoTracking().Where(s => s.Kind == AccountKind.Grant && s.Period == SpendPeriods.Total).ToListAsync());
        grants.Should().OnlyContain(spend => spend.CostMicros <= Budget);
        grants.Should().Contain(spend => spend.CostMicros >= before.CostMicros);
        await SettleAsync(broker, settings["Storage:ConnectionString"]);
        await Nodes.AreWholeAsync(broker);
        (await TriggersAsync(broker)).Should().BePositive().And.Be(triggers, "what the database itself sees to came along");
    }

    private static async Task NothingGoesOnAsync(Connected connected)
    {
        using var call = await connected.Api.ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var refreshed = await new OAuthApp(connected.Host).RefreshAsync(connected.Tokens.RefreshToken);
        refreshed.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        using var page = await connected.Person.GetAsync("/keys");
        page.StatusCode.Should().Be(HttpStatusCode.Found, "the session is over");
    }

    /// <summary>Until the budget is used up, with the key that was in the dump.</summary>
    private static async Task CallToTheEndAsync(BrokerHost broker, Api api, string key)
    {
        var statuses = new List<HttpStatusCode>();
        do
        {
            using var call = await api.PostAsync("/chat/completions", new
            {
                model = "gpt-4o",
                max_completion_tokens = 100,
                messages = new[] { new { role = "user", content = "[[events:100]]" } },
            });
            statuses.Add(call.StatusCode);
        }
        while (statuses[^1] == HttpStatusCode.OK && statuses.Count < 100);

        statuses.Should().Contain(HttpStatusCode.OK).And.EndWith(HttpStatusCode.PaymentRequired);
        broker.Journal.Snapshot().Last(e => e.Path == "/v1/chat/completions").Key.Should().Be(key);
    }

    /// <summary>The node of before the dump, whose leases count as spent. It is settled once it was silent for a while.</summary>
    private static async Task SettleAsync(BrokerHost broker, string database)
    {
        async Task<List<Guid>> NodesAsync()
        {
            using var list = await BrokerProcess.RunAsync("Development", ["nodes", "list", "--json", .. broker.Arguments()]);
            list.ExitCode.Should().Be(0, list.Error);
            return [.. JsonSerializer.Deserialize<JsonElement>(list.Output).GetProperty("nodes").EnumerateArray().Select(node => node.GetProperty("node").GetGuid())];
        }

        var nodes = await NodesAsync();
        nodes.Should().HaveCount(2, "the one of that time, and the one of now");
        await PostgreSqlServer.RunAsync(database, $"""UPDATE spend_nodes SET "SeenAt" = "SeenAt" - interval '1 hour' WHERE "Id" = '{nodes[0]}'""");
        using var reconcile = await BrokerProcess.RunAsync("Development", ["nodes", "reconcile", nodes[0].ToString(), .. broker.Arguments()]);
        reconcile.ExitCode.Should().Be(0, reconcile.Error);
        (await NodesAsync()).Should().Equal(nodes[1]);
    }

    private static Task<int> TriggersAsync(BrokerHost broker) => broker.WithDatabaseAsync(db =>
        db.Database.SqlQuery<int>($"""SELECT count(*)::int AS "Value" FROM pg_trigger WHERE NOT tgisinternal""").SingleAsync());

    /// <summary>A block of docs/backup.md's section, as it stands.</summary>
    private static string Documented(string language, [CallerFilePath] string here = "")
    {
        var docs = Path.GetFullPath(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "..", "docs", "backup.md"));
        var section = File.ReadAllText(docs).Split("\n## ").Single(section => section.StartsWith("PostgreSQL\n", StringComparison.Ordinal));
        return section.Split("```").Single(block => block.StartsWith(language + "\n", StringComparison.Ordinal))[(language.Length + 1)..];
    }

    /// <summary>The words of a command's line, but for its program and the names of the example.</summary>
    private string[] WordsOf(string program, string connectionString) =>
    [
        .. Documented("bash").Split('\n').Single(line => line.StartsWith(program + " ", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries).Skip(1)
            .Select(word => Example().Replace(word, example => example.Value.StartsWith("tokenbroker", StringComparison.Ordinal)
                ? new Npgsql.NpgsqlConnectionStringBuilder(connectionString).Database!
                : Path.Combine(_directory, example.Value))),
    ];

    [System.Text.RegularExpressions.GeneratedRegex("tokenbroker(_restored)?|broker-2026-11-23[.]dump|after-restore[.]sql")]
    private static partial System.Text.RegularExpressions.Regex Example();

    private Task DumpAsync(string database) => PostgreSqlServer.RunToolAsync("pg_dump", database, WordsOf("pg_dump", database));

    private async Task<string> RestoredAsync()
    {
        var database = await PostgreSqlServer.NewDatabaseAsync();
        await File.WriteAllTextAsync(Path.Combine(_directory, "after-restore.sql"), Documented("sql"));
        foreach (var program in (string[])["pg_restore", "psql"])
        {
            await PostgreSqlServer.RunToolAsync(program, database, WordsOf(program, database));
        }

        return database;
    }
}
