namespace TokenBroker.Custody.Vaults.Transit;

/// <summary>Section <c>Vault:Transit</c>: a key of the Transit engine of HashiCorp Vault or OpenBao.</summary>
internal sealed class TransitVaultOptions
{
    /// <summary>Where the vault listens: https, or http on loopback, where an agent may. It is part of the keys' ids: a vault that moves keeps its name.</summary>
    public string? Address { get; set; }

    /// <summary>Where the engine is mounted.</summary>
    public string Mount { get; set; } = "transit";

    /// <summary>The key, of the type <c>aes256-gcm96</c>.</summary>
    public string? Key { get; set; }

    /// <summary>The namespace, where the vault has some.</summary>
    public string? Namespace { get; set; }

    /// <summary>A file with the token, read for each request: an agent may renew it.</summary>
    public string? TokenFile { get; set; }

    /// <summary>The token itself, in place of a file.</summary>
    public string? Token { get; set; }
}
