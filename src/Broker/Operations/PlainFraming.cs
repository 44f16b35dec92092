using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Operations;

/// <summary>
/// Whether a request says plainly where it ends. One that gives a length beside chunks, another encoding than chunks, or a
/// length that is more than digits, ends elsewhere for another parser on the way, which then takes what follows for a
/// request of somebody else's. The server reads such requests; here they are refused, and the connection is closed, since
/// nobody knows where the next one begins (RFC 9112, section 6.3).
/// </summary>
internal static class PlainFraming
{
    /// <summary>Before all else, also before calls.</summary>
    public static void UsePlainFraming(this WebApplication app) =>
        app.Use(static (context, next) => IsOf(context.Request) ? next(context) : RefuseAsync(context));

    /// <summary>
    /// Lengths are read as digits alone (RFC 9110, section 8.6). The server takes <c>+71</c> for 71 as well and keeps the
    /// number only, so that nobody could see it later; what it reads a length with is the one place that does.
    /// </summary>
    public static void ReadLengthsPlainly(this KestrelServerOptions kestrel) =>
        kestrel.RequestHeaderEncodingSelector = static name => name == HeaderNames.ContentLength ? Digits.Only : null;

    private static bool IsOf(HttpRequest request)
    {
        var headers = request.Headers;

        // Where there are chunks, the server has put a length that stood beside them under the second name.
        return headers.TransferEncoding.Count == 0
            || (headers.TransferEncoding is [{ } coding] && coding.Equals("chunked", StringComparison.OrdinalIgnoreCase) && !headers.ContainsKey("X-Content-Length"));
    }

    private static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Connection = "close";
        return Task.CompletedTask;
    }

    /// <summary>Reads what is no digit as no part of any number.</summary>
    private sealed class Digits : Encoding
    {
        private const char None = 'x';

        public static readonly Digits Only = new();

        public override int GetByteCount(char[] chars, int index, int count) => count;

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => throw new NotSupportedException();

        public override int GetCharCount(byte[] bytes, int index, int count) => count;

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
            GetChars(bytes.AsSpan(byteIndex, byteCount), chars.AsSpan(charIndex));

        /// <remarks>The server has room for one character more than the longest number, and refuses what fills it.</remarks>
        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
        {
            var count = Math.Min(bytes.Length, chars.Length);
            for (var i = 0; i < count; i++)
            {
                chars[i] = char.IsAsciiDigit((char)bytes[i]) ? (char)bytes[i] : None;
            }

            return count;
        }

        public override int GetMaxByteCount(int charCount) => charCount;

        public override int GetMaxCharCount(int byteCount) => byteCount;
    }
}
