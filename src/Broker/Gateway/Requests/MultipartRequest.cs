using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Gateway;

/// <summary>
/// Reads the fields of a multipart body (RFC 7578) that decide what may be sent. The body itself goes on unchanged, so
/// whatever two parsers could read in two ways is refused: a field twice, a name in another form than the plain one.
/// </summary>
internal static class MultipartRequest
{
    private const int LongestField = 64 * 1024;
    private const int MostParts = 64;
    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static GatewayError WrongType { get; } =
        GatewayError.InvalidRequest("This operation takes multipart/form-data with a boundary, and no other parameter.");

    /// <returns>Null where the type is another, or can be read in two ways.</returns>
    public static string? BoundaryOf(string? contentType) =>
        MediaTypeHeaderValue.TryParse(contentType, out var type)
            && type.MediaType.Equals("multipart/form-data", StringComparison.OrdinalIgnoreCase)
            && type.Parameters.Count == 1
            && HeaderUtilities.RemoveQuotes(type.Boundary).Value is { Length: > 0 and <= 70 } boundary
            && Ascii.IsValid(boundary)
                ? boundary
                : null;

    public static async Task<(CallRequest? Request, GatewayError? Refusal)> ReadAsync(
        string? contentType, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        if (BoundaryOf(contentType) is not { } boundary)
        {
            return (null, WrongType);
        }

        if (!IsPlain(body.Span, boundary))
        {
            return (null, GatewayError.InvalidRequest("The multipart body is not in its plain form: boundaries on lines of their own, nothing around them, and few parts."));
        }

        var request = new CallRequest { Bytes = body.Length };
        var seen = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        try
        {
            var reader = new MultipartReader(boundary, new MemoryStream(body.ToArray(), writable: false)) { BodyLengthLimit = body.Length };
            while (await reader.ReadNextSectionAsync(cancellationToken) is { } section)
            {
                if (PartHead.Read(section.ContentDisposition) is not var (name, isFile))
                {
                    return (null, GatewayError.InvalidRequest("Each part needs a Content-Disposition of form-data with a plain name."));
                }

                if (Decides(name) && !seen.Add(name))
                {
                    return (null, GatewayError.InvalidRequest($"'{name}' appears more than once.", name));
                }

                if (Decides(name) && isFile)
                {
                    return (null, GatewayError.InvalidRequest($"'{name}' must be a plain field, not a file.", name));
                }

                if (UploadedForm.NamesAnObject(name))
                {
                    return (null, GatewayError.NotAllowed(name, $"'{name}' names something that is checked in JSON bodies only: send it as one."));
                }

                if (await ReadFieldAsync(request, name, section, cancellationToken) is { } refusal)
                {
                    return (null, refusal);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or InvalidDataException or DecoderFallbackException)
        {
            return (null, GatewayError.InvalidRequest("The multipart body is broken."));
        }

        return (request, null);
    }

    /// <summary>
    /// Whether each boundary is one for every parser, from the first byte to the last: some end lines with LF alone, or take what
    /// follows a boundary on its line for nothing, and find parts where others find none.
    /// </summary>
    private static bool IsPlain(ReadOnlySpan<byte> body, string boundary)
    {
        Span<byte> delimiter = stackalloc byte[2 + boundary.Length];
        "--"u8.CopyTo(delimiter);
        Encoding.ASCII.GetBytes(boundary, delimiter[2..]);
        if (!body.StartsWith(delimiter))
        {
            return false;
        }

        var rest = body;
        for (var parts = 0; parts <= MostParts; parts++)
        {
            rest = rest[delimiter.Length..];
            if (rest.StartsWith("--"u8))
            {
                return rest[2..].SequenceEqual("\r\n"u8) || rest.Length == 2;
            }

            var next = rest.IndexOf(delimiter);
            if (!rest.StartsWith("\r\n"u8) || next < 2 || !rest[(next - 2)..].StartsWith("\r\n"u8))
            {
                return false;
            }

            rest = rest[next..];
        }

        return false;
    }

    private static bool Decides(string name) => name.ToLowerInvariant() is "model" or "n" or "stream";

    private static async Task<GatewayError?> ReadFieldAsync(
        CallRequest request, string name, MultipartSection section, CancellationToken cancellationToken)
    {
        if (name.StartsWith("image", StringComparison.OrdinalIgnoreCase) || name.StartsWith("mask", StringComparison.OrdinalIgnoreCase))
        {
            request.Images++;
            return null;
        }

        if (!Decides(name))
        {
            return null;
        }

        // No mark at the start may change the encoding: the provider would read another text than this one.
        using var text = new StreamReader(section.Body, StrictUtf8, detectEncodingFromByteOrderMarks: false);
        var buffer = new char[LongestField];
        var value = new string(buffer, 0, await text.ReadBlockAsync(buffer, cancellationToken));
        switch (name)
        {
            case "model":
                request.Model = value;
                return value.Length is > 0 and <= 200 ? null : GatewayError.ModelNotAllowed(null);
            case "n":
                return long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var answers) && answers is >= 1 and <= 128
                    ? Set(() => request.Answers = answers)
                    : GatewayError.InvalidRequest("'n' must be a whole number from 1 to 128.", "n");
            case "stream":
                return value is "true" or "false" or "True" or "False"
                    ? Set(() => request.Stream = value is "true" or "True")
                    : GatewayError.InvalidRequest("'stream' must be true or false.", "stream");
            default:
                return GatewayError.InvalidRequest($"'{name}' must be written in lower case.", name);
        }

        static GatewayError? Set(Action apply)
        {
            apply();
            return null;
        }
    }
}
