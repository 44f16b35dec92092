using TokenBroker.Custody.Vaults;
using TokenBroker.Tests.Custody.Vaults.StandIns;

namespace TokenBroker.Tests.Custody.Vaults;

/// <summary>The barrier over the network; nothing that it does may be what the vault's contract forbids.</summary>
public abstract class Barrier_over_rest : Barrier_of_a_vault
{
    private VaultStandIn _standIn = null!;

    private protected abstract Task<VaultStandIn> StartAsync();

    private protected override async Task<IKeyVault> NewVaultAsync()
    {
        _standIn = await StartAsync();
        return _standIn.Open();
    }

    private protected override async ValueTask EndAsync()
    {
        await _standIn.DisposeAsync();
        _standIn.Violations.Should().BeEmpty();
    }
}

public sealed class Barrier_of_key_vault : Barrier_over_rest
{
    private protected override string Kind => "azure-key-vault";

    private protected override async Task<VaultStandIn> StartAsync() => await AzureStandIn.KeyVaultAsync();
}

public sealed class Barrier_of_managed_hsm : Barrier_over_rest
{
    private protected override string Kind => "azure-managed-hsm";

    private protected override async Task<VaultStandIn> StartAsync() => await AzureStandIn.ManagedHsmAsync();
}

public sealed class Barrier_of_transit : Barrier_over_rest
{
    private protected override string Kind => "transit";

    private protected override async Task<VaultStandIn> StartAsync() => await TransitStandIn.StartAsync();
}
