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

        if (RefusalOf(proxyResponse.StatusCode) is { } refusal)
        {
            call.Refusal = refusal;
            call.KeyWasRejected = proxyResponse.StatusCode == HttpStatusCode.Unauthorized;
            await refusal.WriteAsync(httpContext, baseAddress);
            return false;
        }

        httpContext.Response.StatusCode = (int)proxyResponse.StatusCode;
        CopyHeaders(httpContext.Response, proxyResponse);
        if (!proxyResponse.IsSuccessStatusCode)
        {
            await WriteErrorAsync(httpContext, proxyResponse, cancellationToken);
            return false;
        }

        var isEvents = proxyResponse.Content.Headers.ContentType?.MediaType == "text/event-stream";
        call.Tap = new ResponseTap(
            await proxyResponse.Content.ReadAsStreamAsync(cancellationToken),
            isEvents,
            call.Request.HideUsage,
            call.Upstream.IdleTimeout,
            error => (error ?? Call.ErrorOf(call.Caller.Grant.CutReason)).ToEvent(baseAddress, httpContext.TraceIdentifier),
            call.Caller.Grant.Cut);
        if (call.Request.HideUsage)
        {
            httpContext.Response.ContentLength = null;
        }

        proxyResponse.Content = new TappedContent(call.Tap);
        return true;
    }

    /// <summary>
    /// What must not reach the app as the provider wrote it: a refusal of the key, whose text may quote it, and a
    /// redirect, which is never followed.
    /// </summary>
    private static GatewayError? RefusalOf(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => GatewayError.KeyRejected,
        >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest or < HttpStatusCode.OK => GatewayError.Unavailable,
        _ => null,
    };

    private static void CopyHeaders(HttpResponse response, HttpResponseMessage upstream)
    {
        foreach (var (name, values) in upstream.Headers.NonValidated)
        {
            if (GatewayHeaders.Response.Contains(name))
            {
                response.Headers[name] = new([.. values]);
            }
        }

        foreach (var (name, values) in upstream.Content.Headers.NonValidated)
        {
            if (GatewayHeaders.Response.Contains(name))
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
        var text = Encoding.UTF8.GetString(buffer, 0, length).Replace(key, "sk-***", StringComparison.Ordinal);
        await context.Response.WriteAsync(KeyLike().Replace(text, "sk-***"), cancellationToken);
    }

    [GeneratedRegex(@"sk-[A-Za-z0-9_\-*.…]{4,}", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex KeyLike();
}
