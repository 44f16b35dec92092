namespace TokenBroker.Tests.Custody.Vaults.StandIns;

/// <summary>What can be wrong with a vault that somebody else runs. Each can be switched while calls run.</summary>
public sealed class VaultFaults
{
    /// <summary>Connections break without an answer.</summary>
    public bool Down { get; set; }

    /// <summary>How long each answer takes.</summary>
    public TimeSpan Slow { get; set; }

    /// <summary>Every request is answered 429, with so many seconds to wait.</summary>
    public int? ThrottleSeconds { get; set; }

    /// <summary>Every request is answered with this status.</summary>
    public int? Status { get; set; }

    /// <summary>Every request is answered with a redirect to this address.</summary>
    public string? RedirectTo { get; set; }

    /// <summary>Requests that ask for a key's version are answered with this, as they come.</summary>
    public string? Garbage { get; set; }

    /// <summary>The key is there and may not be used.</summary>
    public bool KeyDisabled { get; set; }

    /// <summary>The tokens that are shown are past their end.</summary>
    public bool TokensExpired { get; set; }
}
