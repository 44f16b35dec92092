namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// Which keys a kind of vault wraps with, and how. RSA with SHA-1 (RSA-OAEP) or without a check (RSA1_5) is not among them.
/// </summary>
/// <param name="Kind">The kind, as configuration names it.</param>
/// <param name="Algorithm">As the vault and RFC 7518 name it.</param>
/// <param name="KeyTypes">The types of key that it takes.</param>
/// <param name="Overhead">The fewest bytes by which a wrapped key is longer than the key: one that is not may be the key itself.</param>
internal sealed record AzureKeyKind(string Kind, string Algorithm, string[] KeyTypes, int Overhead)
{
    public const int LongestWrapped = 1024;
    public static readonly AzureKeyKind KeyVault = new(VaultSettings.AzureKeyVaultKind, "RSA-OAEP-256", ["RSA", "RSA-HSM"], 66);
    public static readonly AzureKeyKind ManagedHsm = new(VaultSettings.AzureManagedHsmKind, "A256KW", ["oct-HSM"], 8);
}
