using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>
/// What goes wrong next: a queue from which each request takes the oldest entry that fits its path. A request can also ask
/// for its own faults with magic words in its body; both add up. A refused key is refused before any fault.
/// </summary>
public sealed class Faults
{
    private readonly Lock gate = new();
    private readonly List<Planned> planned = [];

    /// <summary>How many requests a fault still waits for.</summary>
    public int Pending
    {
        get
        {
            lock (gate)
            {
                return planned.Sum(p => p.Left);
            }
        }
    }

    /// <summary>The next <paramref name="count"/> requests, of <paramref name="path"/> if given (exact, without query), get this fault.</summary>
    public void Next(Fault fault, int count = 1, string? path = null)
    {
        ArgumentNullException.ThrowIfNull(fault);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        lock (gate)
        {
            planned.Add(new Planned(fault, path) { Left = count });
        }
    }

    /// <inheritdoc cref="Next(Fault, int, string?)"/>
    public void Next(FaultKind kind, int count = 1, string? path = null) => Next(new Fault(kind), count, path);

    /// <summary>Forgets what was planned; requests under way keep their fault.</summary>
    public void Clear()
    {
        lock (gate)
        {
            planned.Clear();
        }
    }

    internal Fault? Take(string path)
    {
        lock (gate)
        {
            var found = planned.Find(p => p.Path is null || string.Equals(p.Path, path, StringComparison.Ordinal));
            if (found is not null && --found.Left == 0)
            {
                planned.Remove(found);
            }

            return found?.Fault;
        }
    }

    internal static string NameOf(FaultKind kind) => JsonNamingPolicy.SnakeCaseLower.ConvertName(kind.ToString());

    internal static IEnumerable<string> Names => Enum.GetValues<FaultKind>().Select(NameOf);

    internal static bool TryParse(string? name, [NotNullWhen(true)] out FaultKind? kind)
    {
        kind = Enum.GetValues<FaultKind>().Where(k => NameOf(k) == name).Select(k => (FaultKind?)k).FirstOrDefault();
        return kind is not null;
    }

    private sealed class Planned(Fault fault, string? path)
    {
        public Fault Fault => fault;

        public string? Path => path;

        public int Left { get; set; }
    }
}
