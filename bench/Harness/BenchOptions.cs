namespace TokenBroker.Bench;

/// <summary>How long and what to measure.</summary>
internal sealed record BenchOptions
{
    /// <summary>Measured seconds of each contender at each concurrency.</summary>
    public double Seconds { get; init; } = 10;

    /// <summary>A tenth of everything, to see that it works: its figures mean little.</summary>
    public bool Quick { get; init; }

    /// <summary>Where the broker's and the stock server's databases go; the system's temporary folder if null.</summary>
    public string? DataDirectory { get; init; }

    /// <summary>Streams that are open at the same time.</summary>
    public int Streams => Quick ? 100 : 1000;

    public int Rounds => Quick ? 2 : 10;

    /// <summary>Rounds of what takes new processes or new grants.</summary>
    public int FewRounds => Quick ? 1 : 3;

    public TimeSpan Slice => TimeSpan.FromSeconds(Seconds / Rounds);

    /// <summary>A turn of load before anything counts.</summary>
    public TimeSpan WarmUp => TimeSpan.FromSeconds(Quick ? 0.5 : 2);

    public TimeSpan Sustained => TimeSpan.FromSeconds(Quick ? 2 : 30);

    public TimeSpan Settling => TimeSpan.FromSeconds(Quick ? 0.5 : 3);
}
