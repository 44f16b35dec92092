using System.ClientModel.Primitives;
using System.Globalization;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>
/// The grant's rate or concurrency limit is reached (429 <c>rate_limited</c>). openai-dotnet has already waited and retried
/// as its retry policy says (3 times by default); set <c>RetryPolicy</c> to a <see cref="ClientRetryPolicy"/> with no
/// retries to hear of it at once.
/// </summary>
public sealed class RateLimitedException : TokenBrokerException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="retryAfter">How long to wait.</param>
    public RateLimitedException(string message, TimeSpan? retryAfter = null)
        : base(new BrokerError("rate_limited", message, 429), null) => RetryAfter = retryAfter;

    internal RateLimitedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
        if (response is not null && response.Headers.TryGetValue("Retry-After", out var value)
            && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds))
        {
            RetryAfter = TimeSpan.FromSeconds(seconds);
        }
    }

    /// <summary>How long to wait before the next call, from <c>Retry-After</c> in whole seconds; null where it was not said.</summary>
    public TimeSpan? RetryAfter { get; }
}
