using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Storage.PostgreSql;

public sealed class Running_on_PostgreSQL(Nodes nodes) : IClassFixture<Nodes>
{
    [Fact]
    public async Task Goes_from_sign_up_to_a_revoked_grant()
    {
        using var person = await Person.SignedUpAsync(nodes.First);
        var key = BrokerHost.NewKey();
        (await person.AddKeyAsync(key, "Straße 日本")).Should().BeNull();
        var app = new OAuthApp(nodes.First);
        var tokens = await app.ConnectAsync(person, answer: new() { ["Form.Budget"] = "5", ["Form.ModelChoice"] = "some", ["Form.OtherModels"] = "gpt-4o-mini gpt-4o" });
        using (var call = await new Api(nodes.First, tokens.AccessToken).ChatAsync())
        {
            call.StatusCode.Should().Be(HttpStatusCode.OK, await call.Content.ReadAsStringAsync());
        }

        using var refreshed = await app.RefreshAsync(tokens.RefreshToken);
        var api = new Api(nodes.First, (await OAuthApp.ReadAsync(refreshed)).AccessToken);
        using (var stream = await api.OpenStreamAsync("[[events:5]]"))
        {
            (await stream.Content.ReadAsStringAsync()).Should().EndWith("data: [DONE]\n\n");
        }

        var shown = await Eventually.IsAsync(
            async () => (await person.PageAsync("/")).QuerySelector("li[data-app='Test App']")!.TextContent, text => text.Contains("2 calls", StringComparison.Ordinal));
        shown.Should().Contain("2 calls").And.Contain("of $5");
        (await person.PageAsync("/keys")).Body!.TextContent.Should().Contain("Straße 日本");
        nodes.First.Journal.Snapshot().Where(e => e.Path == "/v1/chat/completions" && e.Key == key).Should().HaveCount(2);

        await person.PressAsync("Test App", "Revoke");

        (await Api.ErrorAsync(await api.ChatAsync())).Code.Should().Be("grant_revoked");
        (await app.RefreshAsync(tokens.RefreshToken)).StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await person.AuditAsync()).Should().Contain("grant.approved").And.Contain("grant.ended");
        await Nodes.AreWholeAsync(nodes.First);
    }

    [Fact]
    public async Task Leaves_no_file_of_a_database_behind()
    {
        using var connected = await Connected.AsAsync(nodes.First);

        Directory.GetFiles(nodes.First.DataDirectory, "*.db*", SearchOption.AllDirectories).Should().BeEmpty();
    }

    [Fact]
    public async Task Stores_the_usage_of_a_model_that_is_no_text_to_PostgreSQL()
    {
        await using var broker = await BrokerHost.StartAsync(new(Nodes.SettingsOf(nodes.Database, nodes.First))
        {
            ["Prices:UnknownModels"] = "Ceiling",
            ["Prices:Ceiling:Input"] = "1",
            ["Prices:Ceiling:Output"] = "1",
        });
        using var connected = await Connected.AsAsync(nodes.First);
        var api = new Api(broker, connected.Tokens.AccessToken);

        using var odd = await api.PostRawAsync("/chat/completions", """{"model":"gpt\u0000four","max_completion_tokens":10,"messages":[{"role":"user","content":"Hello"}]}""");
        using var next = await api.ChatAsync();

        next.StatusCode.Should().Be(HttpStatusCode.OK);
        var models = (await connected.UsageAsync(2)).Select(usage => usage.Model);
        models.Should().Contain("gpt-4o-mini", "one call's name holds up nobody's usage").And.NotContain(model => model!.Contains('\0', StringComparison.Ordinal));
    }

    [Fact]
    public async Task Never_changes_what_was_posted()
    {
        var sponsor = await Credit.Sponsored.ByAsync(nodes.First, BrokerHost.OtherAppId);
        using var guest = await sponsor.GuestAsync("5.00");

        foreach (var sql in (string[])["UPDATE credit_lines SET \"AmountMicros\" = 1", "DELETE FROM credit_lines", "TRUNCATE credit_lines, credit_transactions", "DELETE FROM credit_transactions"])
        {
            var change = () => PostgreSqlServer.RunAsync(nodes.Database, sql);
            (await change.Should().ThrowAsync<Npgsql.PostgresException>()).WithMessage("*What was posted stays*");
        }
    }

    [Fact]
    public async Task Finds_a_forged_event_in_the_audit_log()
    {
        var database = await PostgreSqlServer.NewDatabaseAsync();
        await using var broker = await BrokerHost.StartAsync(Nodes.SettingsOf(database));
        using var person = await Person.SignedUpAsync(broker);
        await Nodes.AreWholeAsync(broker);

        await PostgreSqlServer.RunAsync(database, """UPDATE audit_events SET "Actor" = "Actor" || '2' WHERE "Sequence" = 2""");

        using var verify = await BrokerProcess.RunAsync("Development", ["audit", "verify", .. broker.Arguments()]);
        verify.ExitCode.Should().Be(1);
        verify.Output.Should().Contain("breaks at event 2");
    }

    [Fact]
    public async Task Starts_many_nodes_at_once_on_an_empty_database()
    {
        var database = await PostgreSqlServer.NewDatabaseAsync();
        await using var first = await BrokerHost.StartAsync(Nodes.SettingsOf(database));
        await first.StopBrokerAsync();
        await PostgreSqlServer.RunAsync(database, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");

        var started = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => BrokerHost.StartAsync(Nodes.SettingsOf(database, first))));

        using var person = await Person.SignedUpAsync(started[0]);
        var counts = await started[0].WithDatabaseAsync(async db => (
            Apps: await db.Apps.GroupBy(a => a.ClientId).CountAsync(same => same.Count() > 1),
            Keys: await db.ServerKeys.GroupBy(k => k.Use).CountAsync(same => same.Count() > 1),
            Cookies: await db.DataProtectionKeys.CountAsync()));
        counts.Should().Be((0, 0, 1), "what is made once is made by one of them");
        foreach (var broker in started)
        {
            await broker.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("Storage:ConnectionString is not set", "--Storage:Provider=PostgreSql")]
    [InlineData("it must be Sqlite or PostgreSql", "--Storage:Provider=Oracle")]
    [InlineData("Set Storage:Provider to PostgreSql", "--Storage:ConnectionString=Host=127.0.0.1")]
    public async Task Says_on_start_how_to_set_it_up(string words, string setting)
    {
        using var process = await BrokerProcess.RunAsync("Development", setting, $"--Storage:DataDirectory={nodes.First.DataDirectory}", "--urls=http://127.0.0.1:0", "--Broker:PublicUrl=http://localhost:5080");

        process.ExitCode.Should().Be(1);
        process.Error.Should().Contain(words).And.NotContain("   at ", "a person reads this");
    }

    [Theory]
    [InlineData("pg_dump", "backup", "--to", "never-written.zip")]
    [InlineData("pg_restore", "restore", "--from", "never-read.zip")]
    public async Task Points_to_PostgreSQLs_own_tools_for_backups(string tool, params string[] command)
    {
        using var process = await BrokerProcess.RunAsync("Development", [.. command, .. nodes.First.Arguments()]);

        process.ExitCode.Should().Be(1);
        process.Error.Should().Contain(tool).And.NotContain("   at ", "a person reads this").And.NotContain("Password");
    }

    [Fact]
    public async Task Has_a_migration_for_every_part_of_the_model_as_SQLite_has()
    {
        (await nodes.First.WithDatabaseAsync(db => Task.FromResult(db.Database.HasPendingModelChanges()))).Should().BeFalse("see CONTRIBUTING.md");

        await using var sqlite = BareDatabase.Open(nodes.First.DataDirectory);
        sqlite.Database.HasPendingModelChanges().Should().BeFalse("see CONTRIBUTING.md");
        sqlite.Should().NotBeOfType<TokenBroker.Storage.PostgreSql.PostgreSqlBrokerDbContext>();
    }

    [Fact]
    public async Task Counts_the_usage_of_a_killed_node()
    {
        await using var broker = await BrokerHost.StartAsync(Nodes.SettingsOf(nodes.Database, nodes.First));
        using var connected = await Connected.AsAsync(nodes.First);
        using var program = await BrokerProcess.TakeOverAsync(broker);
        var api = new Api(broker, connected.Tokens.AccessToken);
        var calls = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => api.ChatAsync()));
        calls.Should().OnlyContain(call => call.StatusCode == HttpStatusCode.OK);
        await program.KillAsync();

        await broker.StartBrokerAsync();

        var one = await connected.Api.ChatAsync();
        one.StatusCode.Should().Be(HttpStatusCode.OK);
        var cost = (await Eventually.IsAsync(() => connected.UsageAsync(), rows => rows.Any(row => row.Operation != "reconciled"))).First(row => row.Operation != "reconciled").CostMicros;
        var spend = await Eventually.IsAsync(() => connected.SpendAsync(), spend => spend.CostMicros >= 21 * cost);
        spend.CostMicros.Should().Be(21 * cost, "what calls had cost that no flush had stored is in the node's file");
        Array.ForEach(calls, call => call.Dispose());
    }
}
