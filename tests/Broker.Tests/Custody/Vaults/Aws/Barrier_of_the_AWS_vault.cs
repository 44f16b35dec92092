using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Vaults.Aws;

/// <summary>Over HTTP, against the stand-in.</summary>
public sealed class Barrier_of_the_AWS_vault : Barrier_of_a_vault
{
    private KmsStandIn _kms = null!;

    private protected override string Kind => "aws-kms";

    private protected override async Task<IKeyVault> NewVaultAsync()
    {
        _kms = await KmsStandIn.StartAsync();
        return _kms.Vault();
    }

    private protected override ValueTask EndAsync() => _kms.DisposeAsync();
}
