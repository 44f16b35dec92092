using System.Net;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What the broker itself reads at a provider, with the key of the user whose work it is: how that stands, and what it cost.</summary>
internal sealed class ProviderReads(UpstreamClient client)
{
    /// <param name="upstream">The provider.</param>
    /// <param name="path">Below its base URL; ids in it are the provider's own.</param>
    /// <param name="key">The user's key.</param>
    /// <param name="cancellationToken">Ends the reading, also of the answer's body.</param>
    /// <exception cref="HttpRequestException">The provider cannot be reached.</exception>
    public async Task<HttpResponseMessage> GetAsync(Upstream upstream, string path, string key, CancellationToken cancellationToken)
    {
        var address = new Uri(upstream.BaseUrl + path, UriKind.Absolute);
        if (!address.PathAndQuery.EndsWith(path, StringComparison.Ordinal))
        {
            throw new HttpRequestException("The provider's id is none that can stand in a path.");
        }

        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        if (address.Scheme == Uri.UriSchemeHttps)
        {
            (request.Version, request.VersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionOrLower);
        }

        foreach (var (name, value) in upstream.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        request.Headers.TryAddWithoutValidation("User-Agent", "TokenBroker");
        request.Headers.TryAddWithoutValidation(upstream.CredentialHeader, upstream.CredentialPrefix + key);
        return await client.Invoker.SendAsync(request, cancellationToken);
    }
}
