using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Storage;

/// <summary>Section <c>Storage</c>: where the broker keeps what it must not lose.</summary>
internal sealed class StorageOptions
{
    /// <summary>
    /// The folder of the database and the embedded vault; made with mode 0700. Default: <c>TokenBroker</c> in the
    /// user's local application data.
    /// </summary>
    [Required]
    public string DataDirectory { get; set; } = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "TokenBroker");
}
