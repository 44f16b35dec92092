using System.Globalization;

namespace TokenBroker.Accounts;

/// <summary>A name that a person gives to something: one line, cut between characters and never within one.</summary>
internal static class OneLine
{
    /// <param name="text">As it was entered.</param>
    /// <param name="longest">In UTF-16 code units, as a form's maxlength counts.</param>
    public static string Of(string? text, int longest)
    {
        var plain = string.Concat((text ?? "").Where(IsShown)).Trim();
        if (plain.Length <= longest)
        {
            return plain;
        }

        var end = 0;
        for (var next = 0; next <= longest; next += StringInfo.GetNextTextElementLength(plain, next))
        {
            end = next;
        }

        return plain[..end].TrimEnd();
    }

    /// <summary>Neither a control nor one of those that turn the direction of what follows, or separate lines.</summary>
    private static bool IsShown(char c) => CharUnicodeInfo.GetUnicodeCategory(c) is not (
        UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
        && c is not (>= '\u202A' and <= '\u202E') and not (>= '\u2066' and <= '\u2069');
}
