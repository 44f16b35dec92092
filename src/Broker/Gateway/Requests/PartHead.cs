using System.Buffers;
using System.Text;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Gateway;

/// <summary>The headers of one part of a multipart body (RFC 7578), read strictly: what two parsers could read in two ways is no part.</summary>
/// <param name="Name">The field's name, of plain characters.</param>
/// <param name="IsFile">Whether it has a file name, and so is passed on unread.</param>
internal readonly record struct PartHead(string Name, bool IsFile)
{
    private static readonly SearchValues<char> NameCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_[]");

    /// <param name="head">The lines between the boundary and the empty line.</param>
    public static PartHead? Read(ReadOnlySpan<byte> head)
    {
        string? disposition = null;
        var hasType = false;
        foreach (var line in Encoding.Latin1.GetString(head).Split("\r\n"))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            var name = colon <= 0 ? "" : line[..colon];
            if (line.AsSpan().ContainsAny('\r', '\n', '\0'))
            {
                return null;
            }

            if (name.Equals("Content-Disposition", StringComparison.OrdinalIgnoreCase) && disposition is null)
            {
                disposition = line[(colon + 1)..].Trim();
            }
            else if (name.Equals("Content-Type", StringComparison.OrdinalIgnoreCase) && !hasType)
            {
                hasType = true;
            }
            else
            {
                return null;
            }
        }

        return Read(disposition);
    }

    /// <param name="contentDisposition">The header that names the part.</param>
    public static PartHead? Read(string? contentDisposition) =>
        ContentDispositionHeaderValue.TryParse(contentDisposition, out var disposition)
            && disposition.DispositionType.Equals("form-data", StringComparison.OrdinalIgnoreCase)
            && HeaderUtilities.RemoveQuotes(disposition.Name).Value is { Length: > 0 } name
            && disposition.Parameters.Count(p => p.Name.StartsWith("name", StringComparison.OrdinalIgnoreCase)) == 1
            && !name.AsSpan().ContainsAnyExcept(NameCharacters)
                ? new PartHead(name, disposition.FileName.HasValue || disposition.FileNameStar.HasValue)
                : null;
}
