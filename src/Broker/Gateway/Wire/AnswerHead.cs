using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Primitives;

namespace TokenBroker.Gateway;

/// <summary>
/// What of the provider's answer the app gets before its body: the status and listed headers, or a refusal of ours in
/// its place, or, for the provider's own errors, a body that cannot quote the key.
/// </summary>
internal static partial class AnswerHead
{
    private const int LongestError = 64 * 1024;

    /// <summary>
    /// What must not reach the app as the provider wrote it: a refusal of the key, whose text may quote it; a redirect,
    /// which is never followed; and an encoding that nobody asked for, which neither guard nor scanner can look into.
    /// </summary>
    public static GatewayError? RefusalOf(HttpResponseMessage response) => response.StatusCode switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => GatewayError.KeyRejected,
        >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest or < HttpStatusCode.OK => GatewayError.Unavailable,
        _ when IsEncoded(response) => GatewayError.Unavailable,
        _ => null,
    };

    public static AnswerShape ShapeOf(HttpResponseMessage response)
    {
        var type = response.Content.Headers.NonValidated.TryGetValues("Content-Type", out var values) ? values.ToString().AsSpan() : default;
        var end = type.IndexOf(';');
        var media = (end < 0 ? type : type[..end]).Trim();
        return media.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase) ? AnswerShape.Events
            : media.Equals("application/json", StringComparison.OrdinalIgnoreCase) ? AnswerShape.Json
            : AnswerShape.Other;
    }

    public static void Write(HttpContext context, HttpResponseMessage upstream, AnswerShape shape, string key)
    {
        var response = context.Response;
        response.StatusCode = (int)upstream.StatusCode;
        Copy(upstream.Headers.NonValidated, response.Headers, key);
        Copy(upstream.Content.Headers.NonValidated, response.Headers, key);
        if (shape == AnswerShape.Events || !upstream.IsSuccessStatusCode || upstream.StatusCode == HttpStatusCode.NoContent)
        {
            // Events may be taken out, and an error put at the end; an error's text is written anew.
            response.ContentLength = null;
        }

        response.Headers.CacheControl = "no-store";
        if (shape == AnswerShape.Other)
        {
            // A file may be a page. Opened in a browser, it is nobody's page here.
            response.Headers.XContentTypeOptions = "nosniff";
            response.Headers.ContentSecurityPolicy = "default-src 'none'; sandbox";
        }

        response.Headers[GatewayHeaders.RequestId] = context.TraceIdentifier;
    }

    /// <summary>The body of a provider's error, without anything that looks like a key, or says whose account it is.</summary>
    public static async Task<string> ReadErrorAsync(HttpResponseMessage upstream, string key, CancellationToken cancellationToken)
    {
        await using var stream = await upstream.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[LongestError];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (length == buffer.Length)
        {
            // Cut short: the last bytes could be a beginning of the key, whose end would show it for what it is.
            length -= Encoding.UTF8.GetByteCount(key) - 1;
        }

        var text = Encoding.UTF8.GetString(buffer, 0, length).Replace(key, "sk-***", StringComparison.Ordinal);
        return KeyLike().Replace(text, static match => match.ValueSpan.StartsWith("sk-") ? "sk-***" : string.Concat(match.ValueSpan[..(match.ValueSpan.IndexOfAny('-', '_') + 1)], "***"));
    }

    private static void Copy(System.Net.Http.Headers.HttpHeadersNonValidated from, IHeaderDictionary to, string key)
    {
        foreach (var (name, values) in from)
        {
            if (GatewayHeaders.Response.Contains(name) && !Quotes(values, key))
            {
                to[name] = values.Count == 1 ? new StringValues(values.ToString()) : new StringValues([.. values]);
            }
        }
    }

    private static bool Quotes(System.Net.Http.Headers.HeaderStringValues values, string key)
    {
        foreach (var value in values)
        {
            if (value.Contains(key, StringComparison.Ordinal))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsEncoded(HttpResponseMessage response)
    {
        if (response.Content.Headers.NonValidated.TryGetValues("Content-Encoding", out var encodings))
        {
            foreach (var encoding in encodings)
            {
                if (!encoding.Equals("identity", StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    [GeneratedRegex(@"sk-[A-Za-z0-9_\-*.…]{4,}|\b(org-|proj_)[A-Za-z0-9]{6,}", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeyLike();
}
