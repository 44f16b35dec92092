using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using TokenBroker.Custody.Vaults.LocalFile;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

public sealed class Running_the_program : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    private string Data => Path.Combine(_directory, "data");

    private string DataSetting => $"--Storage:DataDirectory={Data}";

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Explains_itself()
    {
        using var help = await BrokerProcess.RunAsync("Development", "--help");

        help.ExitCode.Should().Be(0);
        help.Output.Should().Contain("serve").And.Contain("migrate").And.Contain("audit").And.Contain("--Section:Key=value");
        Directory.Exists(Data).Should().BeFalse();
    }

    [Fact]
    public async Task Refuses_a_command_that_it_does_not_know()
    {
        using var process = await BrokerProcess.RunAsync("Development", "frobnicate", DataSetting);

        process.ExitCode.Should().NotBe(0);
        Directory.Exists(Data).Should().BeFalse();
    }

    [Theory]
    [InlineData("--to", "backup")]
    [InlineData("--usd", "caps", "set", "app", "my-app", "--usd", "five")]
    [InlineData("--frobnicate", "operators", "list", "--frobnicate")]
    [InlineData("--Broker:PublicUrl=VALUE", "--Broker:PublicUrl", "http://localhost:5080")]
    public async Task Says_what_is_wrong_with_a_command_and_not_all_that_it_could_be(string words, params string[] command)
    {
        using var process = await BrokerProcess.RunAsync("Development", [.. command, DataSetting]);

        process.ExitCode.Should().Be(1);
        process.Error.Should().Contain(words).And.NotContain("   at ");
        process.Output.Should().NotContain("Usage:", "it would push the complaint off the screen");
        Directory.Exists(Data).Should().BeFalse();
    }

    [Fact]
    public async Task Lists_the_commands_where_one_is_missing()
    {
        using var process = await BrokerProcess.RunAsync("Development", "vault", DataSetting);

        process.ExitCode.Should().Be(1);
        process.Output.Should().Contain("rotate").And.Contain("rewrap");
    }

    [Fact]
    public async Task Takes_an_options_value_behind_an_equals_sign_and_the_same_word_twice()
    {
        using var migrate = await BrokerProcess.RunAsync("Development", "migrate", DataSetting);
        migrate.ExitCode.Should().Be(0, migrate.Error);

        using var backup = await BrokerProcess.RunAsync("Development", "backup", $"--to={Path.Combine(_directory, "copy.zip")}", DataSetting);
        using var ban = await BrokerProcess.RunAsync("Development", "safety", "ban", "--user", "nobody@example.com", "--reason", "nobody@example.com", DataSetting);

        backup.ExitCode.Should().Be(0, backup.Error);
        File.Exists(Path.Combine(_directory, "copy.zip")).Should().BeTrue();
        ban.Error.Should().Contain("nobody@example.com").And.NotContain("--reason");
    }

    [Fact]
    public async Task Migrates_and_then_verifies_the_audit_log()
    {
        using (var early = await BrokerProcess.RunAsync("Production", "audit", "verify", DataSetting))
        {
            early.ExitCode.Should().Be(1);
            early.Error.Should().Contain("migrate").And.NotContain("   at ", "a person reads this");
            File.Exists(Path.Combine(Data, "broker.db")).Should().BeFalse("looking makes nothing");
        }

        using (var migrate = await BrokerProcess.RunAsync("Production", "migrate", DataSetting))
        {
            migrate.ExitCode.Should().Be(0, migrate.Error);
            migrate.Output.Should().Contain("up to date");
        }

        File.Exists(Path.Combine(Data, "vault.key")).Should().BeFalse("neither command needs the vault");
        using (var empty = await BrokerProcess.RunAsync("Production", "audit", "verify", "--json", DataSetting))
        {
            empty.ExitCode.Should().Be(0, empty.Error);
            var json = JsonSerializer.Deserialize<JsonElement>(empty.Output);
            json.GetProperty("verified").GetInt64().Should().Be(0);
            json.GetProperty("broken_at").ValueKind.Should().Be(JsonValueKind.Null);
        }

        await using (var database = new SqliteConnection($"Data Source={Path.Combine(Data, "broker.db")};Pooling=False"))
        {
            await database.OpenAsync();
            await using var forge = database.CreateCommand();
            forge.CommandText = "INSERT INTO audit_events (Sequence, At, Action, Actor, Target, Detail, PreviousHash, Hash) "
                + "VALUES (1, '2026-01-01 00:00:00', 'grant.ended', 'system', 'grant:1', '{}', zeroblob(32), zeroblob(32))";
            await forge.ExecuteNonQueryAsync();
        }

        using var broken = await BrokerProcess.RunAsync("Production", "audit", "verify", "--json", DataSetting);
        broken.ExitCode.Should().Be(1);
        JsonSerializer.Deserialize<JsonElement>(broken.Output).GetProperty("broken_at").GetInt64().Should().Be(1);
        using var inWords = await BrokerProcess.RunAsync("Production", "audit", "verify", DataSetting);
        inWords.ExitCode.Should().Be(1);
        inWords.Output.Should().Contain("breaks at event 1");
    }

    [Fact]
    public async Task Refuses_the_file_vault_in_Production()
    {
        using var process = await BrokerProcess.RunAsync("Production", DataSetting, $"--Broker:PublicUrl=http://localhost:{Ports.Next()}");

        process.ExitCode.Should().Be(1);
        process.Error.Should().Contain("Vault:AllowLocalFileInProduction=true").And.NotContain("   at ");
        File.Exists(Path.Combine(Data, "vault.key")).Should().BeFalse();
    }

    [Fact]
    public async Task Starts_in_Production_where_the_risk_is_accepted_and_stops_cleanly()
    {
        var address = $"http://localhost:{Ports.Next()}";
        using var process = BrokerProcess.Start(
            "Production", DataSetting, $"--Broker:PublicUrl={address}", "--Vault:AllowLocalFileInProduction=true");

        (await process.IsReadyAsync(address)).Should().BeTrue(process.Error + process.Output);
        await process.StopAsync();

        process.ExitCode.Should().Be(0);
        File.Exists(Path.Combine(Data, "vault.key")).Should().BeTrue();
    }

    [Fact]
    public async Task Says_in_one_line_why_it_does_not_start()
    {
        Directory.CreateDirectory(Data);
        var vault = Path.Combine(Data, "vault.key");
        await File.WriteAllTextAsync(vault, "nonsense");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(vault, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        }

        using var badVault = await BrokerProcess.RunAsync("Development", DataSetting, $"--Broker:PublicUrl=http://localhost:{Ports.Next()}");
        using var badUrl = await BrokerProcess.RunAsync("Development", DataSetting, "--Broker:PublicUrl=http://broker.example", "--urls=http://localhost:0");

        using var noScheme = await BrokerProcess.RunAsync("Development", DataSetting, "--Broker:PublicUrl=broker.example");
        using var badNumber = await BrokerProcess.RunAsync("Development", DataSetting, "--Gateway:RecheckInterval=5");

        badVault.Error.Should().Contain(vault).And.Contain("backup");
        badUrl.Error.Should().Contain("Broker:PublicUrl");
        noScheme.Error.Should().Contain("Broker:PublicUrl").And.Contain("https://");
        badNumber.Error.Should().Contain("RecheckInterval must be between", "five days would be no check").And.NotContain("DataAnnotation");
        new[] { badVault, badUrl, noScheme, badNumber }.Should().AllSatisfy(process =>
        {
            process.ExitCode.Should().Be(1);
            process.Error.Should().StartWith("The broker did not start");
            (process.Error + process.Output).Should().NotContain("   at ", "a line says what to mend, and a trace does not");
        });
    }

    [Fact]
    public async Task Refuses_to_start_with_another_vault_key()
    {
        var address = $"http://localhost:{Ports.Next()}";
        string[] settings = [DataSetting, $"--Broker:PublicUrl={address}"];
        using (var first = BrokerProcess.Start("Development", settings))
        {
            (await first.IsReadyAsync(address)).Should().BeTrue(first.Error + first.Output);
            await first.StopAsync();
        }

        var vault = Path.Combine(Data, "vault.key");
        File.Move(vault, vault + ".kept");
        LocalFileVault.LoadOrCreate(vault).Dispose();

        using var process = await BrokerProcess.RunAsync("Development", settings);

        process.ExitCode.Should().Be(1);
        process.Error.Should().Contain("The broker did not start").And.Contain("restore").And.NotContain("   at ");
    }

    [Fact]
    public async Task Says_which_address_is_taken()
    {
        using var taken = new TcpListener(IPAddress.Loopback, 0);
        taken.Start();
        var port = ((IPEndPoint)taken.LocalEndpoint).Port;

        using var process = await BrokerProcess.RunAsync("Development", DataSetting, $"--Broker:PublicUrl=http://127.0.0.1:{port}");

        process.ExitCode.Should().Be(1);
        process.Error.Should().Contain($"127.0.0.1:{port}").And.Contain("The broker did not start");
        (process.Error + process.Output).Should().NotContain("   at ");
    }
}
