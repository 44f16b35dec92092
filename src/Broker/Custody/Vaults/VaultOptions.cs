using System.ComponentModel.DataAnnotations;
using TokenBroker.Custody.Vaults.Aws;
using TokenBroker.Custody.Vaults.Azure;
using TokenBroker.Custody.Vaults.Pkcs11;
using TokenBroker.Custody.Vaults.Transit;

namespace TokenBroker.Custody.Vaults;

/// <summary>Section <c>Vault</c>: where the KEK lives, and where it lived before.</summary>
internal sealed class VaultOptions : VaultSettings
{
    /// <summary>
    /// Lets the embedded vault start in Production. Off, since a key file beside the database protects little:
    /// put it on another disk, or use a real vault, before you turn this on.
    /// </summary>
    public bool AllowLocalFileInProduction { get; set; }

    /// <summary>How long the vault may take for one answer.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:01:00")]
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Vaults that still wrap some records. <c>broker vault rewrap</c> moves those to the vault above; nothing new is wrapped here.</summary>
    public IList<PreviousVault> Previous { get; set; } = [];

    /// <summary>This one, then the previous ones.</summary>
    public IReadOnlyList<VaultSettings> All => [this, .. Previous];
}

/// <summary>One vault: its kind, and the section of that kind.</summary>
internal abstract class VaultSettings
{
    public const string LocalFileKind = "local-file";
    public const string AwsKind = "aws-kms";
    public const string Pkcs11Kind = "pkcs11";
    public const string AzureKeyVaultKind = "azure-key-vault";
    public const string AzureManagedHsmKind = "azure-managed-hsm";
    public const string TransitKind = "transit";

    /// <summary>The kind of vault. <c>local-file</c> is the embedded one.</summary>
    [Required]
    public string Provider { get; set; } = LocalFileKind;

    /// <summary>The key file of the embedded vault. Default: <c>vault.key</c> in the data directory.</summary>
    public string? LocalFilePath { get; set; }

    /// <summary>Section <c>Aws</c>, for <c>aws-kms</c>.</summary>
    public AwsOptions? Aws { get; set; }

    /// <summary>Section <c>Pkcs11</c>, for <c>pkcs11</c>.</summary>
    public Pkcs11Options? Pkcs11 { get; set; }
    /// <summary>The key of <c>azure-key-vault</c> and <c>azure-managed-hsm</c>.</summary>
    public AzureVaultOptions? Azure { get; set; }

    /// <summary>The key of <c>transit</c>.</summary>
    public TransitVaultOptions? Transit { get; set; }

    public string LocalFilePathIn(string dataDirectory) => LocalFilePath ?? Path.Combine(dataDirectory, "vault.key");
}

/// <summary>One of <see cref="VaultOptions.Previous"/>.</summary>
internal sealed class PreviousVault : VaultSettings;
