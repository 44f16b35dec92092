using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Yarp.ReverseProxy.Forwarder;

namespace TokenBroker.Gateway;

/// <summary>
/// Shapes one call for YARP's forwarder. Out: the configured address, allow-listed headers and the user's key; nothing
/// that the client could smuggle. Back: allow-listed headers, a tapped body, and for the provider's refusals a body
/// that cannot quote the key.
/// </summary>
internal sealed partial class CallTransformer(Call call, string key, string baseAddress) : HttpTransformer
{
    private const int LongestError = 64 * 1024;

    public override ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        // The base class would copy every header; only these pass.
        proxyRequest.RequestUri = new Uri(call.Upstream.BaseUrl + call.Path, UriKind.Absolute);
        foreach (var name in GatewayHeaders.Request)
        {
            if (httpContext.Request.Headers.TryGetValue(name, out var values))
            {
                proxyRequest.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!);
            }
        }

        proxyRequest.Headers.TryAddWithoutValidation("User-Agent", "TokenBroker");
        proxyRequest.Headers.TryAddWithoutValidation(call.Upstream.CredentialHeader, call.Upstream.CredentialPrefix + key);
        if (proxyRequest.Content is { } content)
        {
            content.Headers.TryAddWithoutValidation("Content-Type", httpContext.Request.ContentType);
            content.Headers.ContentLength = httpContext.Request.ContentLength;
        }

        return default;
    }

    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        if (proxyResponse is null)
        {
            return true;
        }

        if (RefusalOf(proxyResponse) is { } refusal)
        {
            call.Refusal = refusal;
            call.KeyWasRejected = proxyResponse.StatusCode == HttpStatusCode.Unauthorized;
            await refusal.WriteAsync(httpContext, baseAddress);
            return false;
        }

        httpContext.Response.StatusCode = (int)proxyResponse.StatusCode;
        CopyHeaders(httpContext.Response, proxyResponse, key);
        if (!proxyResponse.IsSuccessStatusCode)
        {
            call.ProviderRefused = true;
            await WriteErrorAsync(httpContext, proxyResponse, cancellationToken);
            return false;
        }

        var shape = ShapeOf(proxyResponse.Content.Headers.ContentType?.MediaType);
        call.Tap = new ResponseTap(
            await proxyResponse.Content.ReadAsStreamAsync(cancellationToken),
            new KeyGuard(key),
            shape,
            call.Request.HideUsage,
            call.Upstream.IdleTimeout,
            error => (error ?? Call.ErrorOf(call.Caller.Grant.CutReason)).ToEvent(baseAddress, httpContext.TraceIdentifier),
            call.Caller.Grant.Cut);
        if (shape == AnswerShape.Events)
        {
            // Events may be taken out, and an error put at the end.
            httpContext.Response.ContentLength = null;
        }

        proxyResponse.Content = new TappedContent(call.Tap);
        return true;
    }

    /// <summary>Trailers would pass by the allow-list and the guard; no client of these APIs reads them.</summary>
    public override ValueTask TransformResponseTrailersAsync(
        HttpContext httpContext, HttpResponseMessage proxyResponse, CancellationToken cancellationToken) => default;

    /// <summary>
    /// What must not reach the app as the provider wrote it: a refusal of the key, whose text may quote it; a redirect,
    /// which is never followed; and an encoding that nobody asked for, which neither guard nor scanner can look into.
    /// </summary>
    private static GatewayError? RefusalOf(HttpResponseMessage response) => response.StatusCode switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => GatewayError.KeyRejected,
        >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest or < HttpStatusCode.OK => GatewayError.Unavailable,
        _ when response.Content.Headers.NonValidated.TryGetValues("Content-Encoding", out var encodings)
            && !encodings.All(encoding => encoding.Equals("identity", StringComparison.OrdinalIgnoreCase)) => GatewayError.Unavailable,
        _ => null,
    };

    private static AnswerShape ShapeOf(string? mediaType) => mediaType?.ToLowerInvariant() switch
    {
        "text/event-stream" => AnswerShape.Events,
        "application/json" => AnswerShape.Json,
        _ => AnswerShape.Other,
    };

    private static void CopyHeaders(HttpResponse response, HttpResponseMessage upstream, string key)
    {
        foreach (var (name, values) in upstream.Headers.NonValidated.Concat(upstream.Content.Headers.NonValidated))
        {
            if (GatewayHeaders.Response.Contains(name) && !values.Any(value => value.Contains(key, StringComparison.Ordinal)))
            {
                response.Headers[name] = new([.. values]);
            }
        }

        response.Headers.CacheControl = "no-store";
        response.Headers[GatewayHeaders.RequestId] = response.HttpContext.TraceIdentifier;
    }

    private async Task WriteErrorAsync(HttpContext context, HttpResponseMessage upstream, CancellationToken cancellationToken)
    {
        context.Response.ContentLength = null;
        await using var stream = await upstream.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[LongestError];
        var length = await stream.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (length == buffer.Length)
        {
            // Cut short: the last bytes could be a beginning of the key, whose end would show it for what it is.
            length -= Encoding.UTF8.GetByteCount(key) - 1;
        }

        var text = Encoding.UTF8.GetString(buffer, 0, length).Replace(key, "sk-***", StringComparison.Ordinal);
        await context.Response.WriteAsync(KeyLike().Replace(text, "sk-***"), cancellationToken);
    }

    [GeneratedRegex(@"sk-[A-Za-z0-9_\-*.…]{4,}", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeyLike();
}
