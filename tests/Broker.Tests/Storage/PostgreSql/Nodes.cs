using System.Text.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Storage.PostgreSql;

/// <summary>Two brokers on one PostgreSQL, behind one public address, with one vault key and one upstream, as in front of a load balancer.</summary>
public sealed class Nodes : IAsyncLifetime
{
    public string Database { get; private set; } = "";

    public BrokerHost First { get; private set; } = null!;

    public BrokerHost Second { get; private set; } = null!;

    public IEnumerable<BrokerHost> Both => [First, Second];

    public async ValueTask InitializeAsync()
    {
        Database = await PostgreSqlServer.NewDatabaseAsync();
        First = await BrokerHost.StartAsync(SettingsOf(Database));
        Second = await BrokerHost.StartAsync(SettingsOf(Database, First));
    }

    /// <summary>A broker on this database; beside another one where one is given.</summary>
    public static Dictionary<string, string> SettingsOf(string database, BrokerHost? beside = null)
    {
        var settings = new Dictionary<string, string>
        {
            ["Storage:Provider"] = "PostgreSql",
            ["Storage:ConnectionString"] = database,
            ["Gateway:ConcurrentCalls"] = "200",
        };
        if (beside is not null)
        {
            settings["Broker:PublicUrl"] = beside.Address;
            settings["Vault:LocalFilePath"] = Path.Combine(beside.DataDirectory, "vault.key");
            settings["Upstreams:openai:BaseUrl"] = beside.SandboxAddress + "/v1";
        }

        return settings;
    }

    /// <summary>What 'audit verify' and 'credit verify' find.</summary>
    public static async Task AreWholeAsync(BrokerHost broker)
    {
        foreach (var what in (string[])["audit", "credit"])
        {
            using var verify = await Operations.BrokerProcess.RunAsync("Development", [what, "verify", "--json", .. broker.Arguments()]);
            verify.ExitCode.Should().Be(0, $"{what}: {verify.Output} {verify.Error}");
            JsonSerializer.Deserialize<JsonElement>(verify.Output).ValueKind.Should().Be(JsonValueKind.Object);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Second.DisposeAsync();
        await First.DisposeAsync();
    }
}
