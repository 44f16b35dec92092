using System.Collections.Concurrent;
using TokenBroker.Grants;

namespace TokenBroker.Metering;

/// <summary>
/// Keeps each book's lease as large as it needs to be: refills it before calls have to wait, gives back what nobody has
/// claimed from for a few seconds, and holds it against its cap when that changes. Open calls that a cap has no money for
/// any more are cut, for then what they may still cost is nobody's to give.
/// </summary>
internal sealed class LeaseUpkeep
{
    private readonly ConcurrentQueue<AccountId> _changed = new();
    private readonly BudgetLedger _ledger;
    private readonly LeaseStore _store;
    private readonly BudgetNode _node;
    private readonly CapsInUse _caps;
    private readonly BudgetCuts _cuts;

    private readonly CreditLimits _credit;

    public LeaseUpkeep(BudgetLedger ledger, LeaseStore store, BudgetNode node, CapsInUse caps, CreditLimits credit, BudgetCuts cuts, GrantChanges changes)
    {
        (_ledger, _store, _node, _caps, _credit, _cuts) = (ledger, store, node, caps, credit, cuts);
        changes.Subscribe(change => Recheck(new AccountId(AccountKind.Grant, change.GrantId)));
    }

    /// <summary>Set by the keeper: ends its pause.</summary>
    public Action? Wake { get; set; }

    /// <summary>The account's cap may have changed.</summary>
    public void Recheck(AccountId account)
    {
        if (account.Kind is AccountKind.App or AccountKind.User)
        {
            _caps.Forget();
        }

        _changed.Enqueue(account);
        Wake?.Invoke();
    }

    /// <summary>Gives back what this node has leased of an account and no call has claimed.</summary>
    public async Task ReleaseAsync(AccountId account)
    {
        foreach (var book in _ledger.Books.Where(book => book.Key.Account == account))
        {
            await GiveBackAsync(book);
        }
    }

    /// <summary>One turn over all books.</summary>
    public async Task TurnAsync()
    {
        var changed = new HashSet<AccountId>();
        while (_changed.TryDequeue(out var account))
        {
            changed.Add(account);
        }

        foreach (var account in changed.Where(account => account.Kind != AccountKind.Grant))
        {
            await EnforceOnEarlierAsync(account);
        }

        foreach (var book in _ledger.Books)
        {
            if (changed.Contains(book.Key.Account))
            {
                await EnforceAsync(book);
            }

            await TurnAsync(book);
        }
    }

    /// <summary>Finds what others changed: caps by a command or on another node, grants' budgets, and what is spent elsewhere.</summary>
    public async Task RecheckAllAsync()
    {
        foreach (var account in await _caps.RecheckAsync(CancellationToken.None))
        {
            await EnforceOnEarlierAsync(account);
        }

        await _credit.RecheckAsync(CancellationToken.None);
        foreach (var book in _ledger.Books.Where(book => book.Lease > 0 || !book.IsIdle))
        {
            await EnforceAsync(book);
        }
    }

    /// <summary>Says that this node lives, and finds out whether it was settled all the same.</summary>
    public async Task SeenAsync()
    {
        if (!await _node.SeenAsync())
        {
            foreach (var book in _ledger.Books)
            {
                book.Lose();
            }
        }
    }

    /// <summary>Gives back all that no call claims, at a stop.</summary>
    /// <returns>Whether every book could be closed.</returns>
    public async Task<bool> GiveAllBackAsync()
    {
        var all = true;
        foreach (var book in _ledger.Books)
        {
            await GiveBackAsync(book);
            all &= book.TryClose();
        }

        return all;
    }

    private async Task TurnAsync(BudgetBook book)
    {
        book.Size.Turn();
        if (book.Free < 0)
        {
            // A call cost more than it could. Where the cap cannot take that either, the others must not go on.
            if (!await _ledger.RefillAsync(book, 0, CancellationToken.None))
            {
                _cuts.Publish(book.Key.Account);
            }
        }
        else if (book.Size.IsIdle)
        {
            await GiveBackAsync(book);
            if (book.Size.IsOld && book.TryClose())
            {
                _ledger.Remove(book);
            }
        }
        else if (book.Size.IsLow(book.Free))
        {
            book.Size.Asked(await _ledger.TopUpAsync(book));
        }
    }

    /// <summary>
    /// Calls that began before their app or user had the cap claimed nothing under it, but under their grants. Where the
    /// cap has no room for them they are cut; else they end, and count in it then.
    /// </summary>
    private async Task EnforceOnEarlierAsync(AccountId account)
    {
        var claims = _ledger.Books.Where(book => book.Key.Account.Kind == AccountKind.Grant && !book.IsIdle).ToLookup(book => book.Key.Account.Id, book => book.Reserved);
        var grants = claims.Count == 0 ? [] : await _store.TopGrantsOfAsync(account, [.. claims.Select(claim => claim.Key)], CancellationToken.None);
        var open = claims.Where(claim => grants.Contains(claim.Key)).Sum(claim => claim.Sum());
        foreach (var period in open == 0 ? [] : Enum.GetValues<BudgetPeriod>())
        {
            var key = new BookKey(account, _ledger.Now.Of(period));
            var row = await _store.ReadAsync(key, CancellationToken.None);
            if (open - (_ledger.Find(key)?.Reserved ?? 0) is > 0 and var earlier && earlier > row.Cap - row.Spent - row.LeasedInAll)
            {
                _cuts.Publish(account);
                return;
            }
        }
    }

    private async Task EnforceAsync(BudgetBook book)
    {
        var row = await _store.ReadAsync(book.Key, CancellationToken.None);
        book.Learn(row.Spent, row.LeasedInAll);
        if (row.Spent + row.LeasedInAll > row.Cap)
        {
            await GiveBackAsync(book);
            if (book.Passes(row.Cap))
            {
                _cuts.Publish(book.Key.Account);
            }
        }
    }

    private async Task GiveBackAsync(BudgetBook book)
    {
        // Out of memory first: what fails on the way is lost to this node until it ends, and is nobody's twice.
        if (book.TakeFree() is var free and > 0)
        {
            await _store.GiveBackAsync(_node.Id, book.Key, free, CancellationToken.None);
            book.GaveBack(free);
        }
    }
}
