using System.Net;

namespace TokenBroker.Upstreams;

/// <summary>What the provider said of a key.</summary>
internal enum KeyFinding
{
    /// <summary>The key lists models: it works.</summary>
    Works,

    /// <summary>The provider knows the key but does not let it list models: a restricted key, which may well do what apps ask.</summary>
    Restricted,

    /// <summary>The provider does not know the key, or no longer.</summary>
    Refused,

    /// <summary>The account behind the key has no credit, or is over its rate.</summary>
    OutOfQuota,

    /// <summary>The provider did not answer in time.</summary>
    Unreachable,
}

/// <summary>Asks the provider about a key by a call that costs nothing.</summary>
internal sealed class KeyCheck(UpstreamClient client, ILogger<KeyCheck> logger)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    public async Task<KeyFinding> AskAsync(Upstream upstream, string key, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, upstream.BaseUrl + upstream.KeyCheckPath);
        request.Headers.TryAddWithoutValidation(upstream.CredentialHeader, upstream.CredentialPrefix + key);
        foreach (var (name, value) in upstream.Headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            using var response = await client.Invoker.SendAsync(request, patience.Token);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => KeyFinding.Works,
                HttpStatusCode.Unauthorized => KeyFinding.Refused,
                HttpStatusCode.Forbidden => KeyFinding.Restricted,
                HttpStatusCode.TooManyRequests => KeyFinding.OutOfQuota,
                _ => KeyFinding.Unreachable,
            };
        }
        catch (Exception exception) when (exception is HttpRequestException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            // The type alone: a handler's message may quote a header.
            logger.LogWarning("The check of a key at {Upstream} got no answer ({Failure}).", upstream.Id, exception.GetType().Name);
            return KeyFinding.Unreachable;
        }
    }
}
