using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Custody.Uploads;

/// <summary>How keys come from browsers; section <c>Custody</c>.</summary>
internal sealed class UploadOptions
{
    /// <summary>
    /// Takes a key that a browser without scripts posts as it is. Off, since whatever stands between the browser and
    /// the broker and ends TLS (a proxy, a load balancer, a recorder of requests) then sees the key.
    /// </summary>
    public bool AllowPlainUpload { get; set; }

    /// <summary>How long one upload key is offered to forms. What was recorded of a day's uploads opens never again soon after it.</summary>
    [Range(typeof(TimeSpan), "00:05:00", "30.00:00:00")]
    public TimeSpan UploadKeyRotation { get; set; } = TimeSpan.FromDays(1);
}
