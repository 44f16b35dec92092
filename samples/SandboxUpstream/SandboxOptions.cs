namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>What can be set under <c>Sandbox:</c>, by configuration or command line.</summary>
public sealed class SandboxOptions
{
    /// <summary>Pause between two events of a stream. Zero by default, so that tests run at full speed.</summary>
    public TimeSpan EventDelay { get; set; } = TimeSpan.Zero;

    /// <summary>How many exchanges the journal keeps; the oldest go first. A long demo must not fill the memory.</summary>
    public int JournalCapacity { get; set; } = 10_000;
}
