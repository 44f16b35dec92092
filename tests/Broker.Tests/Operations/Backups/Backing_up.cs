using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations.Backups;

[Trait("Checklist", "16")]
public sealed class Backing_up : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    private string BackupPath => Path.Combine(_directory, "backup.zip");

    public void Dispose()
    {
        SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Under_load_gives_a_whole_broker_elsewhere()
    {
        await using var broker = await BrokerHost.StartAsync(BrokerHost.OnSqlite);
        var people = new List<Connected>();
        for (var i = 0; i < 4; i++)
        {
            people.Add(await Connected.AsAsync(broker));
        }

        using var enough = new CancellationTokenSource();
        var load = people.Select(person => CallAsync(person, enough.Token)).Append(StoreAndDeleteAsync(broker, enough.Token)).ToList();
        foreach (var person in people)
        {
            (await person.UsageAsync()).Should().NotBeEmpty("what the backup must hold is stored before it begins");
        }

        using (var backup = await RunAsync(broker, "backup", "--to", BackupPath, "--json"))
        {
            backup.ExitCode.Should().Be(0, backup.Error);
            JsonSerializer.Deserialize<JsonElement>(backup.Output).GetProperty("manifest").GetProperty("kek_versions").EnumerateObject().Should().HaveCount(1);
        }

        await enough.CancelAsync();
        await Task.WhenAll(load);
        RequireNothingUsable(broker, people);

        var elsewhere = Path.Combine(_directory, "elsewhere");
        var vault = $"--Vault:LocalFilePath={Path.Combine(broker.DataDirectory, "vault.key")}";
        using (var restore = await BrokerProcess.RunAsync("Development", "restore", "--from", BackupPath, $"--Storage:DataDirectory={elsewhere}", vault))
        {
            restore.ExitCode.Should().Be(0, restore.Error);
            restore.Output.Should().Contain("tokens revoked");
        }

        await using var restored = await BrokerHost.StartAsync(new(BrokerHost.OnSqlite) { ["Vault:LocalFilePath"] = Path.Combine(broker.DataDirectory, "vault.key") }, dataDirectory: elsewhere);
        await using var scope = restored.Services.CreateAsyncScope();
        var keys = await restored.WithDatabaseAsync(db => db.UpstreamKeys.AsNoTracking().Select(k => k.Id).ToListAsync());
        var opened = new List<string>();
        foreach (var id in keys)
        {
            using var secret = await scope.ServiceProvider.GetRequiredService<UpstreamKeys>().OpenAsync(id, CancellationToken.None);
            opened.Add(secret!.RevealText());
        }

        opened.Should().Contain(people.Select(person => person.Key));
        (await scope.ServiceProvider.GetRequiredService<AuditLog>().VerifyAsync(CancellationToken.None)).BrokenAt.Should().BeNull();
        await restored.WithDatabaseAsync(async db =>
        {
            (await db.AuditEvents.OrderByDescending(e => e.Sequence).Select(e => e.Action + " " + e.Actor).FirstAsync(e => e.StartsWith("backup."))).Should().Be("backup.restored operator:cli");
            foreach (var person in people)
            {
                var spend = await db.Spend.AsNoTracking().SingleAsync(s => s.OwnerId == person.GrantId && s.Period == SpendPeriods.Total);
                var usage = await db.Usage.AsNoTracking().Where(u => u.GrantId == person.GrantId).ToListAsync();
                spend.Calls.Should().Be(usage.Count).And.BeGreaterThan(0);
                spend.CostMicros.Should().Be(usage.Sum(u => u.CostMicros), "what was spent and what was used are of one moment");
                person.Dispose();
            }

            return 0;
        });
    }

    [Fact]
    public async Task Leaves_out_what_was_deleted_before()
    {
        await using var broker = await BrokerHost.StartAsync(BrokerHost.OnSqlite);
        using var person = await Person.WithKeyAsync(broker);
        var key = await broker.WithDatabaseAsync(db => db.UpstreamKeys.AsNoTracking().SingleAsync());
        await using (var scope = broker.Services.CreateAsyncScope())
        {
            (await scope.ServiceProvider.GetRequiredService<RemoveKey>().RunAsync(key.Id, key.UserId, CancellationToken.None)).Should().NotBeNull();
        }

        using var backup = await RunAsync(broker, "backup", "--to", BackupPath);

        backup.ExitCode.Should().Be(0, backup.Error);
        DatabaseIn(BackupPath).AsSpan().IndexOf(key.Envelope).Should().Be(-1, "not even a free page holds its wrapped data key");
    }

    [Fact]
    public async Task Is_never_written_over_and_makes_no_database_by_looking()
    {
        await File.WriteAllTextAsync(BackupPath, "precious");
        await using var broker = await BrokerHost.StartAsync(BrokerHost.OnSqlite);

        using var again = await RunAsync(broker, "backup", "--to", BackupPath);
        using var nowhere = await BrokerProcess.RunAsync("Development", "backup", "--to", BackupPath + "2", $"--Storage:DataDirectory={Path.Combine(_directory, "nowhere")}");

        again.ExitCode.Should().Be(1);
        (await File.ReadAllTextAsync(BackupPath)).Should().Be("precious");
        nowhere.ExitCode.Should().Be(1);
        nowhere.Error.Should().Contain("no database here");
        Directory.EnumerateFileSystemEntries(_directory).Should().Equal([BackupPath], "nothing half-made is left");
    }

    internal static Task<BrokerProcess> RunAsync(BrokerHost broker, params string[] arguments) =>
        BrokerProcess.RunAsync("Development", [.. arguments, $"--Storage:DataDirectory={broker.DataDirectory}"]);

    internal static byte[] DatabaseIn(string backup)
    {
        using var zip = ZipFile.OpenRead(backup);
        using var entry = zip.GetEntry("broker.db")!.Open();
        using var bytes = new MemoryStream();
        entry.CopyTo(bytes);
        return bytes.ToArray();
    }

    private void RequireNothingUsable(BrokerHost broker, List<Connected> people)
    {
        if (!OperatingSystem.IsWindows())
        {
            File.GetUnixFileMode(BackupPath).Should().Be(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        using (var zip = ZipFile.OpenRead(BackupPath))
        {
            zip.Entries.Select(entry => entry.FullName).Should().BeEquivalentTo(["manifest.json", "broker.db"]);
        }

        var database = DatabaseIn(BackupPath);
        var vaultKey = File.ReadAllText(Path.Combine(broker.DataDirectory, "vault.key")).Trim();
        foreach (var secret in people.SelectMany(person => (string[])[person.Key, person.Tokens.AccessToken, person.Tokens.RefreshToken]).Append(vaultKey))
        {
            database.AsSpan().IndexOf(Encoding.UTF8.GetBytes(secret)).Should().Be(-1);
        }

        database.AsSpan().IndexOf(Convert.FromBase64String(vaultKey)).Should().Be(-1);
    }

    private static async Task CallAsync(Connected person, CancellationToken enough)
    {
        while (!enough.IsCancellationRequested)
        {
            using var answer = await person.Api.ChatAsync();
            answer.StatusCode.Should().Be(HttpStatusCode.OK);
        }
    }

    private static async Task StoreAndDeleteAsync(BrokerHost broker, CancellationToken enough)
    {
        using var person = await Person.SignedUpAsync(broker);
        while (!enough.IsCancellationRequested)
        {
            (await person.AddKeyAsync(BrokerHost.NewKey())).Should().BeNull();
            await using var scope = broker.Services.CreateAsyncScope();
            var key = await broker.WithDatabaseAsync(db => db.UpstreamKeys.AsNoTracking().OrderByDescending(k => k.CreatedAt).FirstAsync());
            await scope.ServiceProvider.GetRequiredService<RemoveKey>().RunAsync(key.Id, key.UserId, CancellationToken.None);
        }
    }
}
