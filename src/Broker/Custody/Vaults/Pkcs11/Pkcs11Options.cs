namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>Section <c>Vault:Pkcs11</c>: a token of a hardware security module, or of softhsm2, behind a PKCS#11 library.</summary>
internal sealed class Pkcs11Options
{
    /// <summary>The vendor's library, by its full path.</summary>
    public string Library { get; set; } = "";

    /// <summary>The token's label; it is part of each KEK's id.</summary>
    public string TokenLabel { get; set; } = "";

    /// <summary>The slot, where more tokens than one have the label.</summary>
    public ulong? Slot { get; set; }

    /// <summary>A file with the user's PIN on its first line, which nobody but the broker's own user and group can read.</summary>
    public string? PinFile { get; set; }

    /// <summary>The user's PIN, in place of the file.</summary>
    public string? Pin { get; set; }

    /// <summary>The label that every version of the KEK has.</summary>
    public string KeyLabel { get; set; } = "tokenbroker";

    /// <summary>How many sessions are held open at most, each with a thread of its own, since the library blocks.</summary>
    public int Sessions { get; set; } = 4;

    /// <summary>Why this cannot be used; null where it can.</summary>
    public static string? ComplaintOf(Pkcs11Options? options) => options switch
    {
        null => "Vault:Pkcs11 is missing: set its Library, TokenLabel and PinFile.",
        _ when !Path.IsPathFullyQualified(options.Library) => "Vault:Pkcs11:Library must be the full path of the PKCS#11 library, such as /usr/lib/softhsm/libsofthsm2.so.",
        _ when options.TokenLabel.Trim().Length == 0 => "Vault:Pkcs11:TokenLabel must name the token.",
        _ when options.KeyLabel.Trim().Length == 0 => "Vault:Pkcs11:KeyLabel must not be empty.",
        _ when options.PinFile is null == options.Pin is null => "Set Vault:Pkcs11:PinFile (or Pin), and only one of them.",
        _ when options.Sessions is < 1 or > 64 => "Vault:Pkcs11:Sessions must be from 1 to 64.",
        _ => null,
    };
}
