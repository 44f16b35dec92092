using System.Collections.Frozen;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Safety;

namespace TokenBroker.Gateway;

/// <summary>What a call needs to know of its grant; read once, then unchanged.</summary>
internal sealed record GrantFacts(
    Guid UserId,
    Guid? AppId,
    string UpstreamId,
    Guid? UpstreamKeyId,
    bool CarriesKey,
    FrozenSet<string> Scopes,
    FrozenSet<string>? Models,
    DateTime ExpiresAt,
    bool IsPaused,
    int Revision,
    IReadOnlyList<GrantLine> Line)
{
    public required SafetyFacts Safety { get; init; }

    /// <summary>What pays where the user's own key does not.</summary>
    public CreditPurse? Credit { get; init; }

    private BudgetLine? _budgets;

    /// <summary>What the calls are paid from.</summary>
    public BudgetLine Budgets => _budgets ??= new BudgetLine([.. AccountsOf()]);

    /// <summary>The counters that the calls count in, once they are known.</summary>
    public RateOfCall[]? Rates { get; set; }

    private IEnumerable<LineAccount> AccountsOf()
    {
        foreach (var grant in Line)
        {
            yield return new(new(AccountKind.Grant, grant.GrantId), grant.Budget);
        }

        if (AppId is { } app)
        {
            yield return new(new(AccountKind.App, app));
        }

        yield return new(new(AccountKind.User, UserId));
        if (Credit is { } credit)
        {
            yield return new(credit.Account, Credit: credit.Limit);
        }
    }
}

/// <summary>The limits of a grant that a call counts against. A call under a child grant counts against each grant above it as well.</summary>
internal sealed record GrantLine(Guid GrantId, Budget Budget, int? RequestsPerMinute);

/// <summary>
/// A grant as the gateway holds it in memory. When the grant changes, this object is marked stale and a new one takes
/// its place; when it ends, the calls that hold it are cut through <see cref="Cut"/>. It is placed in the cache before
/// its facts are read, so that a change that commits during the read marks it stale as well.
/// </summary>
internal sealed class LiveGrant
{
    private readonly Func<Guid, Task<GrantFacts?>> _read;
    private readonly Lazy<Task<GrantFacts?>> _facts;
    private readonly Lifeline _lifeline;
    private volatile bool _isStale;

    public LiveGrant(Guid id, Func<Guid, Task<GrantFacts?>> read)
        : this(id, read, new Lifeline())
    {
    }

    private LiveGrant(Guid id, Func<Guid, Task<GrantFacts?>> read, Lifeline lifeline)
    {
        (Id, _read, _lifeline) = (id, read, lifeline);
        _facts = new(() => read(id));
    }

    public Guid Id { get; }

    /// <summary>Null where the grant has ended, or never was.</summary>
    public Task<GrantFacts?> Facts => _facts.Value;

    /// <summary>The facts, where they have been read by now; asking does not read them.</summary>
    public GrantFacts? Known => _facts is { IsValueCreated: true, Value.IsCompletedSuccessfully: true } ? _facts.Value.GetAwaiter().GetResult() : null;

    public bool IsStale => _isStale;

    /// <summary>Cancelled when open calls must end.</summary>
    public CancellationToken Cut => _lifeline.Token;

    public CutReason? CutReason => _lifeline.Reason;

    public void MarkStale() => _isStale = true;

    public void End(CutReason reason)
    {
        MarkStale();
        _lifeline.End(reason);
    }

    /// <summary>The same grant with its facts to be read anew. Calls that hold this one still end when that one does.</summary>
    public LiveGrant Renewed() => new(Id, _read, _lifeline);

    /// <summary>What ties open calls to their grant. It outlives each change of the grant's limits, and ends with the grant.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage(
        "Design", "CA1001", Justification = "The source has no timer and outlives the cache in calls that hold it; the collector takes it.")]
    private sealed class Lifeline
    {
        private readonly CancellationTokenSource _cut = new();
        private int _reason = -1;

        public CancellationToken Token => _cut.Token;

        public CutReason? Reason => Volatile.Read(ref _reason) is var reason and >= 0 ? (CutReason)reason : null;

        public void End(CutReason reason)
        {
            if (Interlocked.CompareExchange(ref _reason, (int)reason, -1) == -1)
            {
                // Off this thread: whoever revokes does not wait for a thousand streams to write their last event.
                _ = _cut.CancelAsync();
            }
        }
    }
}
