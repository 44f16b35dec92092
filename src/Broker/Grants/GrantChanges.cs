namespace TokenBroker.Grants;

/// <summary>Why a grant's open calls end; each maps to an error that the app and the user can act on.</summary>
internal enum CutReason
{
    Revoked,
    Paused,
    Expired,
    KeyRemoved,

    /// <summary>The person or the app was suspended or banned; the grant itself goes on.</summary>
    Suspended,

    /// <summary>A limit that the calls were paid from was lowered, or used up by one that cost more than it could.</summary>
    BudgetExhausted,

    /// <summary>The user's credit was used up by a call that cost more than it could.</summary>
    CreditExhausted,

    /// <summary>The sponsor took the key back that the calls were made with.</summary>
    SponsorKeyWithdrawn,

    /// <summary>Another purse pays from now on: what is open was opened with the key of the one before.</summary>
    PurseChanged,
}

/// <param name="GrantId">The grant that is not what it was.</param>
/// <param name="Cut">Null where open calls may go on, as after a change of limits.</param>
internal readonly record struct GrantChange(Guid GrantId, CutReason? Cut);

/// <summary>
/// Tells whoever caches grants, in this process and at once, that one changed. It is called after the change is
/// committed; a listener that misses it is bounded by the gateway's re-check of its cached grants.
/// </summary>
internal sealed class GrantChanges
{
    private volatile Action<GrantChange>[] _listeners = [];
    private readonly Lock _lock = new();

    public void Subscribe(Action<GrantChange> listener)
    {
        lock (_lock)
        {
            _listeners = [.. _listeners, listener];
        }
    }

    public void Publish(GrantChange change)
    {
        foreach (var listener in _listeners)
        {
            listener(change);
        }
    }
}
