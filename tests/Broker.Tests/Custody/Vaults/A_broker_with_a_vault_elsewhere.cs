using System.Net;
using TokenBroker.Tests.Custody.Vaults.StandIns;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Vaults;

[Trait("Checklist", "13")]
public sealed class A_broker_with_a_vault_elsewhere
{
    [Theory]
    [InlineData("azure-key-vault", "https://vault-")]
    [InlineData("azure-managed-hsm", "https://vault-")]
    [InlineData("transit", "transit:127.0.0.1:")]
    public async Task Keeps_keys_under_it_and_opens_them_after_a_restart(string kind, string keyId)
    {
        await using var standIn = await StartAsync(kind);
        await using var host = await BrokerHost.StartAsync(standIn.Settings, customise: standIn.Connect);
        using var connected = await Connected.AsAsync(host);
        using (var before = await connected.Api.ChatAsync())
        {
            before.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        await host.RestartBrokerAsync();

        using var after = await connected.Api.ChatAsync();
        after.StatusCode.Should().Be(HttpStatusCode.OK);
        var stored = await host.WithDatabaseAsync(db => Task.FromResult(db.UpstreamKeys.Select(k => k.KekId).Single()));
        stored.Should().StartWith(keyId);
        File.Exists(Path.Combine(host.DataDirectory, "vault.key")).Should().BeFalse();
        standIn.Violations.Should().BeEmpty();
    }

    [Fact]
    public async Task Does_not_start_without_access_to_its_key()
    {
        await using var standIn = await AzureStandIn.KeyVaultAsync();
        standIn.Identity.Audience = "https://management.azure.com";
        (await StartFailsAsync(standIn, [])).Should().Contain("401").And.Contain("Invalid audience");
    }

    [Theory]
    [InlineData("azure-key-vault", "Vault:Azure:KeyId", "https://localhost/", "must be the address of a key")]
    [InlineData("transit", "Vault:Transit:Key", "missing", "no key 'missing'")]
    [InlineData("transit", "Vault:Transit:Namespace", "team-b", "permission denied")]
    [InlineData("transit", "Vault:Transit:Address", "http://vault.example", "must be https")]
    public async Task Does_not_start_with_a_wrong(string kind, string setting, string value, string complaint)
    {
        await using var standIn = await StartAsync(kind);

        (await StartFailsAsync(standIn, new() { [setting] = value })).Should().Contain(complaint);
    }

    [Theory]
    [InlineData("azure-key-vault")]
    [InlineData("transit")]
    public async Task Does_not_start_with_another_key_on_what_the_first_one_sealed(string kind)
    {
        var directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
        try
        {
            await using var first = await StartAsync(kind);
            await using (await BrokerHost.StartAsync(first.Settings, dataDirectory: directory, customise: first.Connect))
            {
            }

            await using var other = await StartAsync(kind);
            (await StartFailsAsync(other, [], directory)).Should().Contain("No configured vault has the key").And.Contain("Vault:Previous");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    [Fact]
    public async Task Does_not_start_with_a_key_of_the_same_name_that_was_made_anew()
    {
        // The mount was wiped and the key made again: its version 1 is not the one that sealed.
        var directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
        try
        {
            await using var standIn = await TransitStandIn.StartAsync();
            await using (await BrokerHost.StartAsync(standIn.Settings, dataDirectory: directory, customise: standIn.Connect))
            {
            }

            standIn.MakeAnew();
            (await StartFailsAsync(standIn, [], directory)).Should().Contain("message authentication failed");
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static async Task<VaultStandIn> StartAsync(string kind) => kind switch
    {
        "azure-key-vault" => await AzureStandIn.KeyVaultAsync(),
        "azure-managed-hsm" => await AzureStandIn.ManagedHsmAsync(),
        _ => await TransitStandIn.StartAsync(),
    };

    private static async Task<string> StartFailsAsync(VaultStandIn standIn, Dictionary<string, string> changes, string? directory = null)
    {
        var settings = standIn.Settings.Concat(changes).GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Last().Value);
        var start = async () =>
        {
            await using var host = await BrokerHost.StartAsync(settings, dataDirectory: directory, customise: standIn.Connect);
        };

        return (await start.Should().ThrowAsync<Exception>()).Which.Message;
    }
}
