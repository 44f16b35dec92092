using System.Collections.Concurrent;

namespace TokenBroker.Gateway;

/// <summary>Whose an object is.</summary>
internal readonly record struct ObjectOwner(Guid UserId, Guid AppId, string Kind);

/// <summary>
/// Owners that were read before, so that repeated use of an object asks no database. Only what has an owner is kept: an
/// id that is nobody's may be somebody's in a moment. Two generations bound it: when the young one is full it becomes
/// the old one, and what is not asked for meanwhile is let go.
/// </summary>
internal sealed class OwnerCache(int capacity = OwnerCache.DefaultCapacity)
{
    private const int DefaultCapacity = 100_000;
    private readonly Lock _gate = new();
    private ConcurrentDictionary<(string Upstream, string Id), ObjectOwner> _young = new();
    private ConcurrentDictionary<(string Upstream, string Id), ObjectOwner> _old = new();

    public int Count => _young.Count + _old.Count;

    public bool TryGet(string upstreamId, string id, out ObjectOwner owner)
    {
        if (_young.TryGetValue((upstreamId, id), out owner))
        {
            return true;
        }

        if (!_old.TryGetValue((upstreamId, id), out owner))
        {
            return false;
        }

        Add(upstreamId, id, owner);
        return true;
    }

    public void Add(string upstreamId, string id, ObjectOwner owner)
    {
        _young[(upstreamId, id)] = owner;
        if (_young.Count < capacity / 2)
        {
            return;
        }

        lock (_gate)
        {
            if (_young.Count >= capacity / 2)
            {
                (_old, _young) = (_young, new());
            }
        }
    }

    public void Remove(string upstreamId, string id)
    {
        _young.TryRemove((upstreamId, id), out _);
        _old.TryRemove((upstreamId, id), out _);
    }
}
