using System.IO.Compression;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Custody;
using TokenBroker.Tests.Custody.Carrying;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Custody.Canary;

/// <summary>
/// Law 1 through what Custody does with keys: sealed uploads as a proxy sees them, replacing and testing, never storing,
/// rotating and rewrapping, backing up and restoring. Every byte that came of it is searched, what was deleted from the
/// database's pages included.
/// </summary>
[Trait("Checklist", "14")]
public sealed class Keeping_the_key_in_custody : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
    private readonly string _first = KeySearch.NewKey("first");
    private readonly string _replacement = KeySearch.NewKey("next");
    private readonly string _carried = KeySearch.NewKey("carried");

    private string BackupPath => Path.Combine(_directory, "backup.zip");

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Through_uploads_rotation_and_backups()
    {
        using var evidence = new Evidence();
        await using var broker = await BrokerHost.StartAsync(Evidence.LogEverything);
        using var person = await Person.SignedUpAsync(broker);
        (await person.AddKeyAsync(_first)).Should().BeNull();
        var app = new OAuthApp(broker);
        var tokens = await app.ConnectAsync(person);
        await CallAsync(evidence, broker, tokens);
        using var carrying = await Carried.ConnectAsync(broker, key: _carried);
        await CallAsync(evidence, broker, carrying.Tokens);
        await ReplaceAndTestAsync(person);
        await CallAsync(evidence, broker, tokens);

        await RunAsync(evidence, broker, "vault", "rotate");
        await RunAsync(evidence, broker, "vault", "rewrap");
        await RunAsync(evidence, broker, "vault", "status");
        await BackUpAsync(evidence, broker);
        broker.Services.GetRequiredService<OpenKeys>().Dispose();
        await CallAsync(evidence, broker, tokens);
        using (var refreshed = await carrying.App.RefreshAsync(carrying.Tokens.RefreshToken))
        {
            var next = await OAuthApp.ReadAsync(refreshed);
            await CallAsync(evidence, broker, next);
            await carrying.Person.PressAsync("Test App", "Revoke");
            await evidence.KeepAsync("app", await new Api(broker, next.AccessToken).ChatAsync());
        }

        using (var deleted = await person.PostAsync("/keys", [], "form[action*='handler=Delete']"))
        {
            deleted.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        await evidence.KeepStoredAsync(broker);
        await broker.StopBrokerAsync();
        await evidence.KeepStoredAsync(broker);
        await (broker.OwnDatabase is null ? RestoreAsync(evidence, broker) : Task.CompletedTask);
        foreach (var who in (Person[])[person, carrying.Person])
        {
            evidence.KeepBrowser(who);
            evidence.KeepRequests(who);
        }

        evidence.KeepLog(broker);
        evidence.Places.Should().Contain(["browser", "request", "log", "file", "activity", "metric", "command", "backup", broker.OwnDatabase is null ? "restored" : "backup"]);
        foreach (var key in (string[])[_first, _replacement, _carried])
        {
            evidence.HitsOf(new KeySearch(key)).Should().BeEmpty("no byte of the key may leave the broker");
        }
    }

    [Fact]
    public async Task Would_be_found_in_a_plain_upload()
    {
        // The searcher looks where sealed uploads are kept: a browser without scripts shows what it would find.
        using var evidence = new Evidence();
        await using var broker = await BrokerHost.StartAsync(new() { ["Custody:AllowPlainUpload"] = "true" });
        using var person = await Person.SignedUpAsync(broker);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/keys") { Content = new FormUrlEncodedContent([KeyValuePair.Create("NewKey", _first)]) };
        using var answer = await person.SendAsync(request);

        evidence.KeepRequests(person);

        evidence.HitsOf(new KeySearch(_first)).Should().Equal("request (plain)");
    }

    private static async Task CallAsync(Evidence evidence, BrokerHost broker, Tokens tokens)
    {
        using var answer = await evidence.KeepAsync("app", await new Api(broker, tokens.AccessToken).ChatAsync());
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    private static async Task RunAsync(Evidence evidence, BrokerHost broker, params string[] command)
    {
        using var process = await BrokerProcess.RunAsync("Development", [.. command, .. broker.DataArguments(), "--Logging:LogLevel:Default=Trace"]);
        process.ExitCode.Should().Be(0, process.Error);
        evidence.Keep("command: " + command[^1], process.Output + process.Error);
    }

    private async Task ReplaceAndTestAsync(Person person)
    {
        var page = (await person.PageAsync("/keys")).QuerySelectorAll("a").Select(a => a.GetAttribute("href")).First(href => href?.StartsWith("/keys/", StringComparison.Ordinal) == true)!;
        using var replaced = await person.PostAsync(page + "/replace", new() { ["NewKey"] = _replacement }, "form:has(#NewKey)");
        replaced.StatusCode.Should().Be(HttpStatusCode.SeeOther, await replaced.Content.ReadAsStringAsync());
        using var tested = await person.PostAsync(page, [], "form[action*='handler=Test']");
        tested.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    private async Task BackUpAsync(Evidence evidence, BrokerHost broker)
    {
        if (broker.OwnDatabase is { } database)
        {
            await PostgreSqlServer.RunToolAsync("pg_dump", database, "--file", BackupPath);
            evidence.Keep("backup: dump", await File.ReadAllBytesAsync(BackupPath));
            return;
        }

        await RunAsync(evidence, broker, "backup", "--to", BackupPath);
        evidence.Keep("backup: file", File.ReadAllBytes(BackupPath));
        using var zip = ZipFile.OpenRead(BackupPath);
        foreach (var entry in zip.Entries)
        {
            using var inside = new MemoryStream();
            using var stream = entry.Open();
            stream.CopyTo(inside);
            evidence.Keep("backup: " + entry.Name, inside.ToArray());
        }
    }

    private async Task RestoreAsync(Evidence evidence, BrokerHost broker)
    {
        var elsewhere = Path.Combine(_directory, "elsewhere");
        using var restore = await BrokerProcess.RunAsync(
            "Development", "restore", "--from", BackupPath, $"--Storage:DataDirectory={elsewhere}", $"--Vault:LocalFilePath={Path.Combine(broker.DataDirectory, "vault.key")}");
        restore.ExitCode.Should().Be(0, restore.Error);
        evidence.Keep("command: restore", restore.Output + restore.Error);
        foreach (var file in Directory.GetFiles(elsewhere, "*", SearchOption.AllDirectories))
        {
            evidence.Keep("restored: " + Path.GetFileName(file), await File.ReadAllBytesAsync(file));
        }
    }
}
