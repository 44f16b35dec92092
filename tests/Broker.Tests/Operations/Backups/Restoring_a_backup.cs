using System.IO.Compression;
using System.Net;
using System.Security.Cryptography;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations.Backups;

[Trait("Checklist", "16")]
public sealed class Restoring_a_backup : IAsyncLifetime
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
    private BrokerHost _broker = null!;

    private string BackupPath => Path.Combine(_directory, "backup.zip");

    private string Elsewhere => Path.Combine(_directory, "elsewhere");

    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(BrokerHost.OnSqlite);

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Leaves_a_token_dead_that_was_revoked_since_unless_told_otherwise(bool keepSessions)
    {
        using var person = await Person.WithKeyAsync(_broker);
        var tokens = await new OAuthApp(_broker).ConnectAsync(person);
        await BackUpAsync();
        await person.PressAsync("Test App", "Revoke");
        (await StatusAsync(tokens)).Should().Be(HttpStatusCode.Unauthorized);
        await _broker.StopBrokerAsync();

        using (var restore = await Backing_up.RunAsync(_broker, ["restore", "--from", BackupPath, "--replace", .. keepSessions ? ["--keep-sessions"] : Array.Empty<string>()]))
        {
            restore.ExitCode.Should().Be(0, restore.Error);
            restore.Output.Should().Contain(keepSessions ? "works again" : "1 sessions were ended");
        }

        await _broker.StartBrokerAsync();
        (await StatusAsync(tokens)).Should().Be(keepSessions ? HttpStatusCode.OK : HttpStatusCode.Unauthorized);
        using var refreshed = await new OAuthApp(_broker).RefreshAsync(tokens.RefreshToken);
        refreshed.StatusCode.Should().Be(keepSessions ? HttpStatusCode.OK : HttpStatusCode.BadRequest);
        using var page = await person.GetAsync("/keys");
        page.StatusCode.Should().Be(keepSessions ? HttpStatusCode.OK : HttpStatusCode.Found);
        Directory.EnumerateFiles(_broker.DataDirectory, "broker.db.20*Z").Should().ContainSingle("the database of before is kept");
    }

    [Fact]
    public async Task Asks_people_again_about_access_that_they_may_have_ended_since()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        await app.ConnectAsync(person);
        await BackUpAsync();
        await person.PressAsync("Test App", "Revoke");
        await _broker.StopBrokerAsync();
        using (var restore = await Backing_up.RunAsync(_broker, "restore", "--from", BackupPath, "--replace"))
        {
            restore.ExitCode.Should().Be(0, restore.Error);
            restore.Output.Should().Contain("1 grants paused");
        }

        await _broker.StartBrokerAsync();
        using (var signIn = await person.PostAsync("/sign-in", new() { ["Email"] = person.Email, ["Password"] = Person.Password }))
        {
            signIn.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        using var asked = await person.GetAsync(app.AuthorizeUrl());

        asked.StatusCode.Should().Be(HttpStatusCode.OK, "the app has a secret and would not be asked about otherwise");
        (await Person.ParseAsync(asked)).QuerySelector("#Budget").Should().NotBeNull("everything is asked");
    }

    [Fact]
    public async Task Refuses_while_a_broker_runs_or_without_being_told_to_replace()
    {
        using var person = await Person.WithKeyAsync(_broker);
        await BackUpAsync();

        using var running = await Backing_up.RunAsync(_broker, "restore", "--from", BackupPath, "--replace");
        using var unasked = await Backing_up.RunAsync(_broker, "restore", "--from", BackupPath);
        SqliteConnection.ClearAllPools();
        using var idle = await Backing_up.RunAsync(_broker, "restore", "--from", BackupPath, "--replace");

        running.ExitCode.Should().Be(1);
        running.Error.Should().Contain("Stop it first").And.NotContain("   at ");
        idle.ExitCode.Should().Be(1, "it runs, though it has no connection open");
        unasked.ExitCode.Should().Be(1);
        unasked.Error.Should().Contain("--replace");
        (await person.PageAsync("/keys")).QuerySelector("h1").Should().NotBeNull("the broker goes on");
        Directory.EnumerateFileSystemEntries(_broker.DataDirectory).Select(Path.GetFileName)
            .Should().OnlyContain(name => name!.StartsWith("broker.db") && !name.Contains('Z') || name == "vault.key" || name == "broker.lock" || name == "nodes", "nothing is left behind");
    }

    [Fact]
    public async Task Opens_nothing_without_the_vault()
    {
        using var person = await Person.WithKeyAsync(_broker);
        await BackUpAsync();
        var kekId = await _broker.WithDatabaseAsync(db => db.UpstreamKeys.Select(k => k.KekId).SingleAsync());
        var other = Path.Combine(_directory, "other.key");
        TokenBroker.Custody.Vaults.LocalFile.LocalFileVault.LoadOrCreate(other).Dispose();

        using (var missing = await RestoreElsewhereAsync())
        {
            missing.ExitCode.Should().Be(1);
            missing.Error.Should().Contain(kekId).And.Contain("vault.key is missing");
        }

        using (var strange = await RestoreElsewhereAsync($"--Vault:LocalFilePath={other}"))
        {
            strange.ExitCode.Should().Be(1);
            strange.Error.Should().Contain(kekId).And.Contain("does not open it");
        }

        File.Exists(Path.Combine(Elsewhere, "broker.db")).Should().BeFalse();
        using (var told = await RestoreElsewhereAsync("--without-vault-check"))
        {
            told.ExitCode.Should().Be(0, told.Error);
        }

        File.Exists(Path.Combine(Elsewhere, "vault.key")).Should().BeFalse("no key is made that would hide the loss");
        using var start = await BrokerProcess.RunAsync("Development", $"--Storage:DataDirectory={Elsewhere}", "--urls=http://127.0.0.1:0");
        start.ExitCode.Should().Be(1);
        start.Error.Should().Contain("vault.key is missing");
        using var otherStart = await BrokerProcess.RunAsync("Development", $"--Storage:DataDirectory={Elsewhere}", $"--Vault:LocalFilePath={other}", "--urls=http://127.0.0.1:0");
        otherStart.ExitCode.Should().Be(1);
        otherStart.Error.Should().Contain(kekId);
    }

    [Fact]
    public async Task Refuses_a_damaged_file_and_changes_nothing()
    {
        using var person = await Person.WithKeyAsync(_broker);
        await BackUpAsync();
        var whole = await File.ReadAllBytesAsync(BackupPath);
        foreach (var (name, damage) in Damages(whole))
        {
            await File.WriteAllBytesAsync(BackupPath, damage);

            using var restore = await RestoreElsewhereAsync("--without-vault-check");

            restore.ExitCode.Should().Be(1, name);
            restore.Error.Should().Contain("Nothing was restored", name).And.NotContain("   at ");
            (Directory.Exists(Elsewhere) ? Directory.EnumerateFileSystemEntries(Elsewhere) : []).Select(Path.GetFileName).Should().BeSubsetOf(["broker.lock"], name);
        }
    }

    [Fact]
    public async Task Refuses_tables_that_it_does_not_know()
    {
        await BackUpAsync();
        Edit(manifest => manifest, database =>
        {
            using var connection = new SqliteConnection($"Data Source={database};Pooling=False");
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = "INSERT INTO \"__EFMigrationsHistory\" VALUES ('29991231235959_FromTheFuture', '99.0.0')";
            command.ExecuteNonQuery();
        });

        using var restore = await RestoreElsewhereAsync("--without-vault-check");

        restore.ExitCode.Should().Be(1);
        restore.Error.Should().Contain("FromTheFuture");
    }

    private static IEnumerable<(string Name, byte[] Bytes)> Damages(byte[] whole)
    {
        yield return ("half of it", whole[..(whole.Length / 2)]);
        yield return ("nothing", []);
        yield return ("no zip", RandomNumberGenerator.GetBytes(5000));
        foreach (var at in (double[])[0.3, 0.6, 0.9])
        {
            var lost = whole.ToArray();
            RandomNumberGenerator.Fill(lost.AsSpan((int)(whole.Length * at), 64));
            yield return ($"64 bytes lost at {at:P0}", lost);
        }
    }

    /// <summary>Another database in the backup, with the checksum that fits: what only the later checks find.</summary>
    private void Edit(Func<string, string> manifest, Action<string> database)
    {
        var path = Path.Combine(_directory, "edited.db");
        File.WriteAllBytes(path, Backing_up.DatabaseIn(BackupPath));
        var old = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        var length = new FileInfo(path).Length;
        database(path);
        var now = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        using var zip = ZipFile.Open(BackupPath, ZipArchiveMode.Update);
        string text;
        using (var reader = new StreamReader(zip.GetEntry("manifest.json")!.Open()))
        {
            text = manifest(reader.ReadToEnd()
                .Replace(old, now, StringComparison.Ordinal)
                .Replace($"\"bytes\": {length}", $"\"bytes\": {new FileInfo(path).Length}", StringComparison.Ordinal));
        }

        zip.GetEntry("manifest.json")!.Delete();
        zip.GetEntry("broker.db")!.Delete();
        using (var writer = new StreamWriter(zip.CreateEntry("manifest.json").Open()))
        {
            writer.Write(text);
        }

        zip.CreateEntryFromFile(path, "broker.db");
    }

    private async Task BackUpAsync()
    {
        using var backup = await Backing_up.RunAsync(_broker, "backup", "--to", BackupPath);
        backup.ExitCode.Should().Be(0, backup.Error);
    }

    private Task<BrokerProcess> RestoreElsewhereAsync(params string[] more) =>
        BrokerProcess.RunAsync("Development", ["restore", "--from", BackupPath, $"--Storage:DataDirectory={Elsewhere}", .. more]);

    private async Task<HttpStatusCode> StatusAsync(Tokens tokens)
    {
        using var answer = await new Api(_broker, tokens.AccessToken).ChatAsync();
        return answer.StatusCode;
    }
}
