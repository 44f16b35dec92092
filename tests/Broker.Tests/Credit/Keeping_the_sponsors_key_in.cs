using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Custody.Canary;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

/// <summary>Law 1, for a key that a sponsor put up: neither its users nor anything that the broker writes holds it.</summary>
[Trait("Checklist", "14")]
public sealed class Keeping_the_sponsors_key_in
{
    [Fact]
    public async Task Through_calls_faults_and_its_end()
    {
        using var evidence = new Evidence();
        await using var broker = await BrokerHost.StartAsync(Evidence.LogEverything);
        var sponsor = await Sponsored.ByAsync(broker, key: KeySearch.NewKey());
        using var guest = await sponsor.GuestAsync("5.00");

        await evidence.KeepAsync("app", await guest.Api.ChatAsync());
        foreach (var fault in (FaultKind[])[FaultKind.UnauthorizedFull, FaultKind.EchoKeyHeader, FaultKind.ServerError, FaultKind.DropBefore])
        {
            broker.Faults.Next(fault, path: "/v1/chat/completions");
            await evidence.KeepAsync("app", await guest.Api.ChatAsync());
        }

        await evidence.KeepAsync("sponsor", await sponsor.TopUpAsync(guest, "1.00"));
        foreach (var page in (string[])["/", "/credit", "/keys", $"/apps/{guest.GrantId}"])
        {
            using var shown = await guest.Person.GetAsync(page);
        }

        await sponsor.WithdrawAsync();
        await evidence.KeepAsync("app", await guest.Api.ChatAsync());
        evidence.KeepBrowser(guest.Person);
        await broker.StopBrokerAsync();
        await evidence.KeepStoredAsync(broker);
        evidence.KeepLog(broker);

        sponsor.Received.Should().NotBeEmpty("the key was used");
        evidence.HitsOf(new KeySearch(sponsor.Key)).Should().BeEmpty();
        evidence.HitsOf(new KeySearch(sponsor.Secret.Text)).Should().BeEmpty("a secret is kept as its hash alone");
        evidence.HitsOf(new KeySearch(sponsor.Secret.SigningKey["whsec_".Length..])).Should().BeEmpty("a signing key is kept nowhere");
    }
}
