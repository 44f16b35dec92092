using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Custody;

/// <summary>Section <c>Vault</c>: where the KEK lives.</summary>
internal sealed class VaultOptions
{
    /// <summary>The kind of vault. <c>local-file</c> is the embedded one, and so far the only one.</summary>
    [RegularExpression("^local-file$", ErrorMessage = "Vault:Provider must be 'local-file'.")]
    public string Provider { get; set; } = "local-file";

    /// <summary>The key file of the embedded vault. Default: <c>vault.key</c> in the data directory.</summary>
    public string? LocalFilePath { get; set; }

    public string LocalFilePathIn(string dataDirectory) => LocalFilePath ?? Path.Combine(dataDirectory, "vault.key");

    /// <summary>
    /// Lets the embedded vault start in Production. Off, since a key file beside the database protects little:
    /// put it on another disk, or use a real vault, before you turn this on.
    /// </summary>
    public bool AllowLocalFileInProduction { get; set; }
}
