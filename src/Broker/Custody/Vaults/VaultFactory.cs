using Microsoft.Extensions.Options;
using TokenBroker.Custody.Vaults.Aws;
using TokenBroker.Custody.Vaults.Azure;
using TokenBroker.Custody.Vaults.LocalFile;
using TokenBroker.Custody.Vaults.Pkcs11;
using TokenBroker.Custody.Vaults.Transit;
using TokenBroker.Storage;

namespace TokenBroker.Custody.Vaults;

/// <summary>Makes the vaults that configuration names. A new kind is one line here, its section in <see cref="VaultSettings"/>, and its folder.</summary>
internal static class VaultFactory
{
    private static readonly Dictionary<string, Func<VaultSettings, IServiceProvider, IKeyVault>> Kinds = new(StringComparer.Ordinal)
    {
        [VaultSettings.LocalFileKind] = LocalFile,
        [VaultSettings.AwsKind] = (settings, services) => AwsVault.Create(settings.Aws!, services.GetRequiredService<IOptions<VaultOptions>>().Value.Patience),
        [VaultSettings.Pkcs11Kind] = (settings, services) => new Pkcs11Vault(settings.Pkcs11!, services.GetRequiredService<ILogger<Pkcs11Vault>>()),
        [VaultSettings.AzureKeyVaultKind] = AzureKeyVault.KeyVault,
        [VaultSettings.AzureManagedHsmKind] = AzureKeyVault.ManagedHsm,
        [VaultSettings.TransitKind] = TransitVault.Create,
    };

    /// <summary>Why a vault cannot be made of these settings; null where it can.</summary>
    public static string? ComplaintOf(VaultSettings settings) => settings.Provider switch
    {
        VaultSettings.AwsKind => AwsOptions.ComplaintOf(settings.Aws),
        VaultSettings.Pkcs11Kind => Pkcs11Options.ComplaintOf(settings.Pkcs11),
        _ when Kinds.ContainsKey(settings.Provider) => null,
        _ => $"Vault:Provider is '{settings.Provider}'; it must be one of {string.Join(", ", Kinds.Keys)}.",
    };

    public static Vault Create(IServiceProvider services)
    {
        var options = services.GetRequiredService<IOptions<VaultOptions>>().Value;
        var vaults = options.All.Select(settings => Create(settings, services)).ToList();
        return new Vault(vaults, options.Patience, services.GetRequiredService<TimeProvider>());
    }

    public static IKeyVault Create(VaultSettings settings, IServiceProvider services) => Kinds[settings.Provider](settings, services);

    private static LocalFileVault LocalFile(VaultSettings settings, IServiceProvider services)
    {
        var directory = services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory;
        StorageSetup.CreatePrivateDirectory(directory);
        return LocalFileVault.LoadOrCreate(settings.LocalFilePathIn(directory));
    }
}
