using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Vaults.Pkcs11;

/// <summary>On softhsm2 for real.</summary>
public sealed class Barrier_of_the_PKCS11_vault : Barrier_of_a_vault
{
    private readonly SoftToken _token = new();

    private protected override string Kind => "pkcs11";

    private protected override bool FlipsEveryBit => true;

    private protected override async Task<IKeyVault> NewVaultAsync()
    {
        var vault = _token.Vault();
        await vault.CurrentAsync(CancellationToken.None);
        return vault;
    }

    private protected override ValueTask EndAsync()
    {
        _token.Dispose();
        return ValueTask.CompletedTask;
    }
}
