using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Parties;

/// <summary>One way for a call to reach the upstream: where it listens, what it is sent, and the processes that it costs.</summary>
internal sealed class Contender(string name, int port, string pathPrefix, string bearer, IReadOnlyList<Running> processes)
{
    public string Name => name;

    public int Port => port;

    /// <summary>What callers present. The broker's changes with its grants.</summary>
    public string Bearer { get; set; } = bearer;

    public byte[] Call => Requests.Chat(port, pathPrefix, Bearer, Requests.CallBody);

    public byte[] Stream => Requests.Chat(port, pathPrefix, Bearer, Requests.StreamBody);

    public byte[] Hold => Requests.Chat(port, pathPrefix, Bearer, Requests.HoldBody);

    public IReadOnlyList<Running> Processes => processes;

    /// <summary>Null where nothing of it is .NET.</summary>
    public Probe? Probe => processes[0].Probe;

    /// <summary>Those of its processes that are .NET.</summary>
    public IEnumerable<Probe> Probes => processes.Select(process => process.Probe).OfType<Probe>();

    public TimeSpan Cpu() => TimeSpan.FromTicks(processes.Sum(process => process.Cpu().Ticks));

    public long Memory() => processes.Sum(process => process.Memory());
}
