using System.Buffers;

namespace TokenBroker.Upstreams;

/// <summary>
/// What follows the question mark, as it stands on the wire. Each parameter must be one that the operation takes, with a
/// value of plain characters, and only lists (<c>include[]</c>) may come more than once: then every parser reads the same,
/// and the bytes are sent on as they are.
/// </summary>
internal static class QueryString
{
    private const int LongestValue = 200;
    private const string EncodedBrackets = "%5B%5D";
    private static readonly SearchValues<char> ValueCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:");

    public static Found Check(Found found, ReadOnlySpan<char> query)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        string? after = null, before = null;
        foreach (var range in query.Split('&'))
        {
            var parameter = query[range];
            var equals = parameter.IndexOf('=');
            var name = NameOf(equals < 0 ? parameter : parameter[..equals]);
            if (!found.Operation.Query.Contains(name))
            {
                return found with { Refusal = "The query has a parameter that this operation does not take here.", Parameter = name };
            }

            var value = equals < 0 ? default : parameter[(equals + 1)..];
            if (value.Length is 0 or > LongestValue || value.ContainsAnyExcept(ValueCharacters))
            {
                return found with { Refusal = $"The value of '{name}' is not of plain characters.", Parameter = name };
            }

            if (!seen.Add(name) && !name.EndsWith("[]", StringComparison.Ordinal))
            {
                return found with { Refusal = $"'{name}' appears more than once.", Parameter = name };
            }

            after = name == "after" ? value.ToString() : after;
            before = name == "before" ? value.ToString() : before;
        }

        return found with { After = after, Before = before };
    }

    /// <summary>Clients write the brackets of a list encoded or not.</summary>
    private static string NameOf(ReadOnlySpan<char> name) =>
        name.EndsWith(EncodedBrackets, StringComparison.OrdinalIgnoreCase) ? $"{name[..^EncodedBrackets.Length]}[]" : name.ToString();
}
