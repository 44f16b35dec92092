namespace TokenBroker.Operations.Vaults;

/// <summary>What the audit log says of the vault's key.</summary>
internal static class KekEvents
{
    public const string Actor = "operator:cli";
    public const string Rotated = "vault.rotated";
    public const string RewrapStarted = "vault.rewrap_started";
    public const string Rewrapped = "vault.rewrapped";
    public const string Retired = "vault.retired";

    public static string TargetOf(string kekId) => "kek:" + kekId;
}
