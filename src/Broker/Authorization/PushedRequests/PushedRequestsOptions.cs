using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Authorization.PushedRequests;

/// <summary>Section <c>PushedRequests</c> (RFC 9126).</summary>
internal sealed class PushedRequestsOptions
{
    /// <summary>
    /// How long an app has to send the person here after it pushed the request, 60 to 300 seconds. Default: 90 seconds,
    /// which a redirect needs a fraction of. What the person then does here has <see cref="PendingRequests.TimeToAnswer"/>.
    /// </summary>
    [Range(typeof(TimeSpan), "00:01:00", "00:05:00", ErrorMessage = "PushedRequests:Lifetime must be from 00:01:00 to 00:05:00.")]
    public TimeSpan Lifetime { get; set; } = TimeSpan.FromSeconds(90);
}
