using System.IO.Compression;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;

namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>
/// One request on its way through the sandbox: what was received, the faults it is to get, and the only ways in which an
/// answer leaves, so that every operation fails alike.
/// </summary>
internal sealed class Call(
    HttpContext context, Recording recording, ReadOnlyMemory<byte> body, SandboxOptions options, TimeProvider clock, CancellationToken ended)
{
    // The provider sends text as it is and indents what is not a stream.
    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly List<Fault> faults = [];
    private readonly string digest = Convert.ToHexStringLower(
        SHA256.HashData([.. Encoding.UTF8.GetBytes($"{recording.Sequence} {recording.Target} "), .. SHA256.HashData(body.Span)]));

    public HttpContext Context => context;

    public HttpResponse Response => context.Response;

    public Recording Recording => recording;

    public ReadOnlyMemory<byte> Body => body;

    public TimeProvider Clock => clock;

    /// <summary>Cancelled when the caller goes away or the sandbox stops.</summary>
    public CancellationToken Ended => ended;

    public MagicWords Words { get; } = MagicWords.In(body.Span);

    public long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The pause between two events of a stream.</summary>
    public TimeSpan EventDelay => Find(FaultKind.Slow)?.Pause ?? Words.Delay ?? options.EventDelay;

    public bool EchoesKey => Find(FaultKind.EchoKey, FaultKind.EchoKeySplit) is not null;

    public bool HasUsage => Find(FaultKind.NoUsage) is null;

    public static Call Of(HttpContext context) =>
        context.Features.Get<Call>() ?? throw new InvalidOperationException("The recorder must run first.");

    public void Plan(IEnumerable<Fault> more)
    {
        faults.AddRange(more);
        if (faults.Count > 0)
        {
            recording.Faulted(faults.Select(f => f.Kind));
        }
    }

    /// <summary>The first planned fault that is of one of these kinds.</summary>
    public Fault? Find(params ReadOnlySpan<FaultKind> kinds)
    {
        foreach (var fault in faults)
        {
            if (kinds.Contains(fault.Kind))
            {
                return fault;
            }
        }

        return null;
    }

    /// <summary>An id that is the same for the same request at the same place in the journal.</summary>
    public string Id(string prefix, int length = 29) => prefix + digest[..length];

    public Task PauseAsync(TimeSpan pause) => pause > TimeSpan.Zero ? Task.Delay(pause, clock, ended) : Task.CompletedTask;

    /// <summary>Breaks the connection in the middle of the answer, after what was written has arrived.</summary>
    public async Task BreakOffAsync()
    {
        await SettleAsync();
        throw new BrokenOffException();
    }

    /// <summary>Never returns; ends when the caller goes away.</summary>
    public Task StallAsync() => Task.Delay(Timeout.InfiniteTimeSpan, clock, ended);

    public Task RefuseAsync(ProviderError error)
    {
        Response.StatusCode = error.Status;
        return SendAsync(error.ToJson());
    }

    /// <summary>Sends a JSON answer with status 200, spoilt as the faults ask.</summary>
    public Task AnswerAsync(JsonObject answer)
    {
        if (Find(FaultKind.StreamError) is not null)
        {
            return RefuseAsync(ProviderErrors.ServerError);
        }

        if (!HasUsage)
        {
            answer.Remove("usage");
        }

        if (EchoesKey)
        {
            answer["sandbox_echo"] = recording.Key;
        }

        return SendAsync(answer);
    }

    /// <summary>Sends bytes of any type as the whole answer.</summary>
    public async Task AnswerAsync(ReadOnlyMemory<byte> bytes, string contentType)
    {
        Response.ContentType = contentType;
        await PauseBeforeAsync();
        if (Find(FaultKind.MalformedJson) is not null)
        {
            bytes = bytes[..(bytes.Length * 2 / 3)];
        }

        if (Find(FaultKind.Gzip) is not null)
        {
            bytes = Zip(bytes.Span);
            Response.Headers.ContentEncoding = "gzip";
        }

        Response.ContentLength = bytes.Length;
        if (Find(FaultKind.Drop, FaultKind.StallMidStream) is { } fault)
        {
            await WriteAsync(bytes[..(bytes.Length / 2)]);
            await (fault.Kind == FaultKind.Drop ? BreakOffAsync() : StallAsync());
        }

        if (Find(FaultKind.EchoKeySplit) is not null)
        {
            bytes = await WriteUpToMidKeyAsync(bytes);
        }

        recording.Answered();
        await WriteAsync(bytes);
    }

    public Task PauseBeforeAsync() => Find(FaultKind.Slow) is { } slow ? PauseAsync(4 * slow.Pause) : Task.CompletedTask;

    public async Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        await Response.Body.WriteAsync(bytes, ended);
        await Response.Body.FlushAsync(ended);
    }

    /// <summary>If the key is in these bytes, writes up to its middle, lets that leave as a packet of its own, and returns the rest.</summary>
    public async Task<ReadOnlyMemory<byte>> WriteUpToMidKeyAsync(ReadOnlyMemory<byte> bytes)
    {
        var key = Encoding.UTF8.GetBytes(recording.Key ?? "");
        var at = key.Length == 0 ? -1 : bytes.Span.IndexOf(key);
        if (at < 0)
        {
            return bytes;
        }

        var middle = at + (key.Length / 2);
        await WriteAsync(bytes[..middle]);
        await SettleAsync();
        return bytes[middle..];
    }

    // Lets written bytes arrive on their own: a reset makes the other end forget what it has not yet read, and two
    // writes in a row may share a packet. Real time, because the network does not follow a test's clock.
    private Task SettleAsync() => Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, ended);

    private Task SendAsync(JsonObject json) =>
        AnswerAsync(JsonSerializer.SerializeToUtf8Bytes(json, Indented), "application/json");

    private static byte[] Zip(ReadOnlySpan<byte> bytes)
    {
        using var zipped = new MemoryStream();
        using (var gzip = new GZipStream(zipped, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return zipped.ToArray();
    }
}
