using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Gateway;

/// <summary>Section <c>Gateway:Realtime</c>: what holds for every session, whatever a user granted.</summary>
internal sealed class RealtimeOptions
{
    /// <summary>The largest event of either side, in bytes. The provider takes 15 MiB of sound in one.</summary>
    [Range(1024, 256 * 1024 * 1024)]
    public int MaxMessageBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>How long a session lasts at most: as long as the provider's own do.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan SessionLength { get; set; } = TimeSpan.FromMinutes(60);

    /// <summary>How long neither side may send anything, before a session is taken for forgotten.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan IdleTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long the provider may take to accept a session.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:05:00")]
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>The provider's <c>OpenAI-Beta</c> header, for one that still wants it; not sent where empty.</summary>
    public string Beta { get; set; } = "";
}
