using System.ComponentModel.DataAnnotations;
using TokenBroker.Grants;

namespace TokenBroker.Gateway;

/// <summary>Section <c>Gateway</c>: limits that hold whatever a user granted.</summary>
internal sealed class GatewayOptions
{
    /// <summary>The largest JSON body, in bytes. Pictures inside messages are the reason that it is not smaller.</summary>
    [Range(1024, 512L * 1024 * 1024)]
    public long MaxJsonBytes { get; set; } = 20 * 1024 * 1024;

    /// <summary>The largest multipart body, in bytes: the provider takes sound files of 25 MB.</summary>
    [Range(1024, 512L * 1024 * 1024)]
    public long MaxMultipartBytes { get; set; } = 26 * 1024 * 1024;

    /// <summary>The largest upload of a file, in bytes: what the provider takes. It is passed on as it arrives, so that it costs no memory.</summary>
    [Range(1024, 8L * 1024 * 1024 * 1024)]
    public long MaxUploadBytes { get; set; } = 512L * 1024 * 1024;

    /// <summary>Calls in one minute under one grant.</summary>
    [Range(1, 1_000_000)]
    public int RequestsPerMinute { get; set; } = GrantBounds.DefaultRequestsPerMinute;

    /// <summary>Calls at one time under one grant, open streams included.</summary>
    [Range(1, 100_000)]
    public int ConcurrentCalls { get; set; } = 64;

    /// <summary>Tokens that are not valid, in one minute from one address. Expired ones count: a client refreshes at the first.</summary>
    [Range(1, 1_000_000)]
    public int InvalidTokensPerMinute { get; set; } = 120;

    /// <summary>
    /// DPoP proofs that are remembered, each for the minute or so that it could be used again: the default is good for
    /// 7,000 calls a second with bound tokens, and takes up to 50 MB. What is full refuses such calls.
    /// </summary>
    [Range(64, 50_000_000)]
    public int MostProofs { get; set; } = 500_000;

    /// <summary>How often cached grants are compared with the database, which bounds what a lost notification can do.</summary>
    public TimeSpan RecheckInterval { get; set; } = TimeSpan.FromSeconds(5);
}
