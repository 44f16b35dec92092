using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;

namespace TokenBroker.Tests.Custody.Vaults;

public sealed class Barrier_of_the_file_vault : Barrier_of_a_vault
{
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    private protected override string Kind => "local-file";

    private protected override bool FlipsEveryBit => true;

    private protected override Task<IKeyVault> NewVaultAsync() =>
        Task.FromResult<IKeyVault>(LocalFileVault.LoadOrCreate(Path.Combine(_directory, "vault.key")));

    private protected override ValueTask EndAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return ValueTask.CompletedTask;
    }
}
