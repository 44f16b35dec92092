using System.Collections.Concurrent;
using System.Net;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// A call as the provider gets it: the configured address, the path that was matched, the listed headers and the user's
/// key; nothing that the client could smuggle.
/// </summary>
internal static class UpstreamRequest
{
    /// <summary>The addresses of operations whose path is always the same, parsed once.</summary>
    private static readonly ConcurrentDictionary<Operation, Uri> s_fixed = new(ReferenceEqualityComparer.Instance);

    public static HttpRequestMessage Of(HttpContext context, Call call, SentContent? content, string key)
    {
        var address = AddressOf(call);
        var request = new HttpRequestMessage(HttpMethod.Parse(context.Request.Method), address) { Content = content };
        if (address.Scheme == Uri.UriSchemeHttps)
        {
            request.Version = HttpVersion.Version20;
            request.VersionPolicy = HttpVersionPolicy.RequestVersionOrLower;
        }

        foreach (var name in GatewayHeaders.Request)
        {
            if (context.Request.Headers.TryGetValue(name, out var values))
            {
                if (values.Count == 1)
                {
                    request.Headers.TryAddWithoutValidation(name, values[0]);
                }
                else
                {
                    request.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values!);
                }
            }
        }

        foreach (var (name, value) in call.Upstream.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        request.Headers.TryAddWithoutValidation("User-Agent", "TokenBroker");
        request.Headers.TryAddWithoutValidation(call.Upstream.CredentialHeader, call.Upstream.CredentialPrefix + key);
        return request;
    }

    /// <exception cref="InvalidOperationException">The address would not be sent as it was matched.</exception>
    private static Uri AddressOf(Call call)
    {
        if (s_fixed.TryGetValue(call.Operation, out var known) && IsOf(known, call))
        {
            return known;
        }

        var address = new Uri(call.Upstream.BaseUrl + call.Path, UriKind.Absolute);
        if (!IsOf(address, call))
        {
            throw new InvalidOperationException("The path that was matched is not one that can be sent as it is.");
        }

        s_fixed.TryAdd(call.Operation, address);
        return address;
    }

    private static bool IsOf(Uri address, Call call) =>
        address.OriginalString.Length == call.Upstream.BaseUrl.Length + call.Path.Length
        && address.OriginalString.StartsWith(call.Upstream.BaseUrl, StringComparison.Ordinal)
        && address.PathAndQuery.EndsWith(call.Path, StringComparison.Ordinal);
}
