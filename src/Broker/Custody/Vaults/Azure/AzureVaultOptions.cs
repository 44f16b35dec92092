namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// Section <c>Vault:Azure</c>. Without a client secret the credential is a managed identity where <see cref="ClientId"/>
/// is given, else whatever <c>DefaultAzureCredential</c> finds.
/// </summary>
internal sealed class AzureVaultOptions
{
    /// <summary>The key, without a version: <c>https://NAME.vault.azure.net/keys/KEY</c>. Its newest enabled version wraps.</summary>
    public string? KeyId { get; set; }

    /// <summary>The directory of the client secret below.</summary>
    public string? TenantId { get; set; }

    /// <summary>The application of the client secret; or, without one, the user-assigned managed identity.</summary>
    public string? ClientId { get; set; }

    public string? ClientSecret { get; set; }
}
