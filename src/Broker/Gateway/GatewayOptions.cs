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

    /// <summary>How long a client may be waited for while its body comes in, until it has sent 240 bytes for each second of that: see <see cref="ClientPace"/>.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan ClientPatience { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Calls in one minute under one grant.</summary>
    [Range(1, 1_000_000)]
    public int RequestsPerMinute { get; set; } = GrantBounds.DefaultRequestsPerMinute;

    /// <summary>Calls at one time under one grant, open streams included.</summary>
    [Range(1, 100_000)]
    public int ConcurrentCalls { get; set; } = 64;

    /// <summary>
    /// Tokens in one minute under one grant, at their worst until the call has ended. The default is more than providers
    /// give to one account, and stops what runs away: money is bounded by budgets.
    /// </summary>
    [Range(1_000, 1_000_000_000_000)]
    public long TokensPerMinute { get; set; } = 100_000_000;

    /// <summary>Calls in one minute of one user, under all their grants. Default: four times what one grant may, so that one app leaves room for others.</summary>
    [Range(1, int.MaxValue)]
    public int RequestsPerMinuteOfUser { get => field > 0 ? field : Times(RequestsPerMinute, 4); set; }

    /// <summary>Tokens in one minute of one user. Default: four times what one grant may.</summary>
    [Range(1_000, long.MaxValue)]
    public long TokensPerMinuteOfUser { get => field > 0 ? field : 4 * TokensPerMinute; set; }

    /// <summary>Calls at one time of one user. Default: four times what one grant may.</summary>
    [Range(1, int.MaxValue)]
    public int ConcurrentCallsOfUser { get => field > 0 ? field : Times(ConcurrentCalls, 4); set; }

    /// <summary>Calls in one minute of one app, over all its users. Default: a hundred times what one grant may, so that one app does not take the whole node.</summary>
    [Range(1, int.MaxValue)]
    public int RequestsPerMinuteOfApp { get => field > 0 ? field : Times(RequestsPerMinute, 100); set; }

    /// <summary>Tokens in one minute of one app. Default: a hundred times what one grant may.</summary>
    [Range(1_000, long.MaxValue)]
    public long TokensPerMinuteOfApp { get => field > 0 ? field : 100 * TokensPerMinute; set; }

    /// <summary>Calls at one time of one app. Default: a hundred times what one grant may.</summary>
    [Range(1, int.MaxValue)]
    public int ConcurrentCallsOfApp { get => field > 0 ? field : Times(ConcurrentCalls, 100); set; }

    /// <summary>Tokens that are not valid, in one minute from one address. Expired ones count: a client refreshes at the first.</summary>
    [Range(1, 1_000_000)]
    public int InvalidTokensPerMinute { get; set; } = 120;

    /// <summary>
    /// DPoP proofs that are remembered, each for the minute or so that it could be used again: the default is good for
    /// 7,000 calls a second with bound tokens, and takes up to 50 MB. What is full refuses such calls.
    /// </summary>
    [Range(64, 50_000_000)]
    public int MostProofs { get; set; } = 500_000;

    /// <summary>
    /// What becomes of a call at the provider whose client leaves before the answer is whole. The default ends it at once:
    /// nothing more is generated that nobody will read, and its cost is an estimate that errs upwards.
    /// </summary>
    public ClientLeaves WhenClientLeaves { get; set; } = ClientLeaves.Cancel;

    /// <summary>How long an answer is read on that nobody waits for; then it is cancelled and estimated. Its place among the calls that run at one time is taken until then.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "00:10:00")]
    public TimeSpan DrainTime { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How many bytes of it are read at most.</summary>
    [Range(1024, 512L * 1024 * 1024)]
    public long DrainBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>The largest input file of a batch, in bytes: it is read whole before the batch is made, and not kept. The provider takes 200 MB.</summary>
    [Range(1024, 512L * 1024 * 1024)]
    public long MaxBatchBytes { get; set; } = 64L * 1024 * 1024;

    /// <summary>How long reading it may take.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:10:00")]
    public TimeSpan BatchReadTime { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long after it began the provider is first asked what work in the background has cost; then after twice as long
    /// each time, up to ten minutes.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "00:10:00")]
    public TimeSpan JobPoll { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How often cached grants are compared with the database, which bounds what a lost notification can do.</summary>
    [Range(typeof(TimeSpan), "00:00:00.05", "01:00:00")]
    public TimeSpan RecheckInterval { get; set; } = TimeSpan.FromSeconds(5);

    private static int Times(int one, long many) => (int)Math.Min(int.MaxValue, one * many);
}

internal enum ClientLeaves
{
    /// <summary>It is cancelled, and what it cost is estimated.</summary>
    Cancel,

    /// <summary>Its answer is read on, within <see cref="GatewayOptions.DrainTime"/> and <see cref="GatewayOptions.DrainBytes"/>, for the usage at its end.</summary>
    Drain,
}
