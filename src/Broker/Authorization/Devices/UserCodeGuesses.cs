using System.Collections.Concurrent;

namespace TokenBroker.Authorization.Devices;

/// <summary>
/// Bounds the guessing of codes that other people's devices show (RFC 8628, section 5.1): five wrong ones of a person and
/// fifty from an address in ten minutes. An entry counts before it is looked up and is given back if it was right, so
/// that many at a time guess no more than one after another.
/// </summary>
internal sealed class UserCodeGuesses(TimeProvider time)
{
    public const int MostOfUser = 5;
    public const int MostOfNetwork = 50;

    /// <summary>The time in which they are counted.</summary>
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(10);

    private const int MostCounters = 100_000;

    private readonly ConcurrentDictionary<string, Counter> _counters = new(StringComparer.Ordinal);

    /// <returns>False where the limit is reached: nothing must be looked up.</returns>
    public bool TryBegin(Guid userId, string network)
    {
        Prune();
        var ofUser = CounterOf($"user {userId}");
        var ofNetwork = CounterOf($"network {network}");
        if (ofUser is null || ofNetwork is null || !ofUser.TryAdd(MostOfUser, time.GetUtcNow()))
        {
            return false;
        }

        if (ofNetwork.TryAdd(MostOfNetwork, time.GetUtcNow()))
        {
            return true;
        }

        ofUser.GiveBack();
        return false;
    }

    /// <summary>The code was right.</summary>
    public void GiveBack(Guid userId, string network)
    {
        CounterOf($"user {userId}")?.GiveBack();
        CounterOf($"network {network}")?.GiveBack();
    }

    private Counter? CounterOf(string key) =>
        _counters.TryGetValue(key, out var known) ? known
        : _counters.Count >= MostCounters ? null
        : _counters.GetOrAdd(key, _ => new Counter());

    private void Prune()
    {
        if (_counters.Count < MostCounters / 2)
        {
            return;
        }

        var now = time.GetUtcNow();
        foreach (var (key, counter) in _counters)
        {
            if (counter.HasEnded(now))
            {
                _counters.TryRemove(KeyValuePair.Create(key, counter));
            }
        }
    }

    private sealed class Counter
    {
        private readonly Lock _lock = new();
        private int _count;
        private DateTimeOffset _ends;

        public bool TryAdd(int most, DateTimeOffset now)
        {
            lock (_lock)
            {
                if (_ends <= now)
                {
                    (_count, _ends) = (0, now + Window);
                }

                if (_count >= most)
                {
                    return false;
                }

                _count++;
                return true;
            }
        }

        public void GiveBack()
        {
            lock (_lock)
            {
                _count = Math.Max(0, _count - 1);
            }
        }

        public bool HasEnded(DateTimeOffset now)
        {
            lock (_lock)
            {
                return _ends <= now;
            }
        }
    }
}
