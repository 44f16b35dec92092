using System.Net;
using TokenBroker.Custody;
using TokenBroker.Tests.Custody.Vaults.Aws;
using TokenBroker.Tests.Custody.Vaults.Pkcs11;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Vaults;

/// <summary>The whole broker on a vault that is not a file: a key is stored, used, and used again after a restart.</summary>
[Trait("Checklist", "15")]
public sealed class Running_on_a_vault
{
    [Fact]
    public async Task Keeps_keys_in_a_PKCS11_token()
    {
        using var token = new SoftToken();
        await using var broker = await BrokerHost.StartAsync(token.Settings());

        await ServesAcrossARestartAsync(broker, "pkcs11:broker-token/tokenbroker:");

        File.Exists(Path.Combine(broker.DataDirectory, "vault.key")).Should().BeFalse();
    }

    [Fact]
    public async Task Fails_closed_without_its_token_and_goes_on_when_it_is_back()
    {
        using var token = new SoftToken();
        await using var broker = await BrokerHost.StartAsync(token.Settings());
        using var connected = await Connected.AsAsync(broker);

        token.GoAway();
        using (var away = await connected.Api.ChatAsync())
        {
            ((int)away.StatusCode).Should().BeGreaterThanOrEqualTo(500);
        }

        connected.Received.Should().BeEmpty();
        token.ComeBack();

        (await Eventually.IsAsync(async () => (await connected.Api.ChatAsync()).StatusCode, status => status == HttpStatusCode.OK)).Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Does_not_start_with_the_wrong_PIN_and_says_so()
    {
        using var token = new SoftToken();
        token.WritePin("wrong-pin");

        await FluentActions.Awaiting(() => BrokerHost.StartAsync(token.Settings())).Should().ThrowAsync<Exception>().WithMessage("*PIN*");
    }

    [Fact]
    public async Task Keeps_keys_under_AWS_KMS()
    {
        await using var kms = await KmsStandIn.StartAsync();
        await using var broker = await BrokerHost.StartAsync(kms.Settings());

        await ServesAcrossARestartAsync(broker, kms.Current.Arn);

        kms.Contexts.Should().OnlyContain(context => context.Contains("tokenbroker:record"), "every record is bound");
    }

    [Fact]
    public async Task Fails_closed_while_KMS_is_down_or_throttles_or_its_key_is_disabled_and_goes_on_when_it_is_back()
    {
        await using var kms = await KmsStandIn.StartAsync();
        await using var broker = await BrokerHost.StartAsync(kms.Settings());
        using var connected = await Connected.AsAsync(broker);

        kms.Faults.Down = true;
        await IsRefusedAsync(connected);
        kms.Faults.Down = false;
        await IsServedAsync(connected);

        using var third = await Connected.AsAsync(broker);
        kms.Faults.Throttle(int.MaxValue);
        await IsRefusedAsync(third);
        kms.Faults.Throttle(0);
        await IsServedAsync(third);

        using var other = await Connected.AsAsync(broker);
        kms.Current.State = "Disabled";
        await IsRefusedAsync(other);
        kms.Current.State = "Enabled";
        await IsServedAsync(other);
    }

    [Fact]
    public async Task Does_not_start_with_half_a_configuration()
    {
        await FluentActions.Awaiting(() => BrokerHost.StartAsync(new() { ["Vault:Provider"] = "pkcs11" })).Should().ThrowAsync<Exception>().WithMessage("*Vault:Pkcs11*");
        await FluentActions.Awaiting(() => BrokerHost.StartAsync(new() { ["Vault:Provider"] = "aws-kms", ["Vault:Aws:KeyId"] = "alias/x" })).Should().ThrowAsync<Exception>().WithMessage("*Vault:Aws:KeyId*");
    }

    private static async Task ServesAcrossARestartAsync(BrokerHost broker, string kekId)
    {
        using var connected = await Connected.AsAsync(broker);
        await IsServedAsync(connected);
        var (envelope, stored) = await broker.WithDatabaseAsync(async db =>
        {
            var row = await Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.SingleAsync(db.UpstreamKeys);
            return (row.Envelope, row.KekId);
        });
        stored.Should().StartWith(kekId);
        Envelopes.KekIdOf(envelope).Should().Be(stored);

        await broker.RestartBrokerAsync();

        await IsServedAsync(connected);
        connected.Received.Should().HaveCount(2).And.OnlyContain(exchange => exchange.Key == connected.Key);
    }

    private static async Task IsServedAsync(Connected connected) =>
        (await Eventually.IsAsync(async () => (await connected.Api.ChatAsync()).StatusCode, status => status == HttpStatusCode.OK)).Should().Be(HttpStatusCode.OK);

    private static async Task IsRefusedAsync(Connected connected)
    {
        var before = connected.Received.Count;
        using var refused = await connected.Api.ChatAsync();

        ((int)refused.StatusCode).Should().BeGreaterThanOrEqualTo(500);
        connected.Received.Should().HaveCount(before, "nothing went out");
    }
}
