using System.Globalization;

namespace TokenBroker.Pages;

internal static class Initial
{
    /// <summary>The first character as a person counts them, which may be more than one <see cref="char"/>.</summary>
    public static string Of(string? name) => string.IsNullOrEmpty(name) ? "?" : StringInfo.GetNextTextElement(name);
}
