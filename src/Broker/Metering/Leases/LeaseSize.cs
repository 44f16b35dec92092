namespace TokenBroker.Metering;

/// <summary>How much to lease at once.</summary>
/// <param name="Least">What one call waits for: with less, nothing is leased.</param>
/// <param name="Missing">What all calls that wait need.</param>
/// <param name="Good">What would be good to have.</param>
internal readonly record struct LeaseWish(long Least, long Missing, long Good)
{
    /// <summary>All that waits, and up to what is good, but of that no more than a quarter of what is left, so that other nodes can work too.</summary>
    public long Of(long left) => left <= 0 || Least > left ? 0 : Missing >= left ? left : Math.Max(Missing, Math.Min(Good, left / 4));
}

/// <summary>
/// How much a book should have leased, from how it was used lately: enough for the calls that were open at one time, twice
/// over, and for ten seconds of what was spent. Small leases lose little with a machine; large ones never make a call
/// wait. Told by its book, under the book's lock; asked by the keeper at each of its turns.
/// </summary>
internal sealed class LeaseSize
{
    /// <summary>The keeper's turns in ten seconds.</summary>
    private const long TurnsOfCover = 40;
    private const int IdleTurns = 20;
    private const int OldTurns = 240;
    private long _uses;
    private long _seen;
    private long _peak;
    private long _spent;
    private long _rate;
    private int _idle;
    private int _pause;

    /// <summary>Nobody has claimed anything for five seconds.</summary>
    public bool IsIdle => _idle >= IdleTurns;

    /// <summary>Nobody has claimed anything for a minute.</summary>
    public bool IsOld => _idle >= OldTurns;

    /// <summary>Whether to ask for more before somebody has to wait.</summary>
    public bool IsLow(long free) => _pause == 0 && free < Wish / 2;

    /// <summary>Who got nothing asks again after a second.</summary>
    public void Asked(bool gotMore) => _pause = gotMore ? 0 : 4;

    public long Wish => Math.Max(2 * _peak, TurnsOfCover * _rate);

    public void Used() => _uses++;

    public void Held(long micros) => _peak = Math.Max(_peak, Math.Min(micros, long.MaxValue / 4));

    public void Spent(long micros) => _spent += micros;

    /// <summary>A turn of the keeper: what was long ago counts less.</summary>
    public void Turn()
    {
        _idle = _uses == _seen ? _idle + 1 : 0;
        _seen = _uses;
        _pause = Math.Max(0, _pause - 1);
        _rate += (_spent - _rate) / 8;
        _spent = 0;
        _peak -= _peak / 64;
    }
}
