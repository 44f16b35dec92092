namespace TokenBroker.Authorization.Devices;

/// <summary>The code that a device shows, in the spellings that people type.</summary>
internal static class UserCodes
{
    public const int Length = 8;

    private const int LongestEntry = 40;

    /// <summary>As it was issued, without the dash: case, dashes and spaces do not matter (RFC 8628, section 6.1).</summary>
    /// <returns>Null for what cannot be a code.</returns>
    public static string? Read(string? entry)
    {
        if (entry is null or { Length: > LongestEntry })
        {
            return null;
        }

        var letters = string.Concat(entry.Where(c => !char.IsWhiteSpace(c) && c is not ('-' or '–' or '—' or '.'))).ToUpperInvariant();
        return letters.Length == Length && letters.All(char.IsAsciiLetterUpper) ? letters : null;
    }

    /// <summary>As the device shows it.</summary>
    public static string Show(string code) => $"{code[..4]}-{code[4..]}";
}
