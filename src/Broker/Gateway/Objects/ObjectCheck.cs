using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>An id that a body names, and the member that names it.</summary>
/// <param name="Kind">The kind of object; null for what only the whole account holds, which no app makes through here.</param>
/// <param name="Id">The id.</param>
/// <param name="Member">Where it stands.</param>
internal readonly record struct ObjectReference(string? Kind, string Id, string Member);

/// <summary>
/// Decides whether a call may reach the objects that it names: in its path, as a cursor of its list, or in its body. It
/// may reach what its own user and app made. Under the scope that opens the whole account it may reach what is nobody's,
/// and what other apps of the same user made, but never what is recorded for another user. All else is answered as the
/// provider answers for what does not exist, whether it does or not.
/// </summary>
internal sealed class ObjectCheck(ObjectOwners owners)
{
    /// <summary>Looks at the path and the query, before the body is read.</summary>
    public async ValueTask<GatewayError?> CheckAsync(Caller caller, Upstream upstream, Found found, CancellationToken cancellationToken)
    {
        var operation = found.Operation;
        if (operation.NeedsAccount && !caller.Scopes.Contains(upstream.AccountScope))
        {
            return GatewayError.InsufficientScope(upstream.AccountScope);
        }

        if (found.Ids.Count == 0 && operation.Lists is null)
        {
            return null;
        }

        var named = found.Ids.Where(id => upstream.OwnedKinds.Contains(id.Kind)).Select(id => new ObjectReference(id.Kind, id.Id, "id")).ToList();
        if (operation.Lists is { } kind)
        {
            named.AddRange(new[] { (found.After, "after"), (found.Before, "before") }
                .Where(cursor => cursor.Item1 is not null)
                .Select(cursor => new ObjectReference(kind, cursor.Item1!, cursor.Item2)));
        }

        return await CheckAsync(caller, upstream, named, cancellationToken);
    }

    /// <summary>Looks at what a body names.</summary>
    public async ValueTask<GatewayError?> CheckAsync(
        Caller caller, Upstream upstream, IReadOnlyList<ObjectReference> named, CancellationToken cancellationToken)
    {
        if (named.Count == 0)
        {
            return null;
        }

        var owned = await owners.FindAsync(upstream.Id, named.Select(reference => reference.Id).Distinct(StringComparer.Ordinal), cancellationToken);
        foreach (var reference in named)
        {
            var owner = owned.TryGetValue(reference.Id, out var known) ? known : (ObjectOwner?)null;
            if (!MayReach(caller, upstream, reference.Kind, owner))
            {
                return reference.Kind is null
                    ? GatewayError.NotAllowed(reference.Member, $"'{reference.Member}' names what belongs to the whole provider account: that takes the scope {upstream.AccountScope}.")
                    : GatewayError.NoSuchObject(reference);
            }
        }

        return null;
    }

    /// <summary>Which of the listed objects the caller may see.</summary>
    public async ValueTask<HashSet<string>> VisibleAsync(
        Caller caller, Upstream upstream, string kind, IReadOnlyCollection<string> ids, CancellationToken cancellationToken)
    {
        var owned = await owners.FindAsync(upstream.Id, ids, cancellationToken);
        return ids.Where(id => MayReach(caller, upstream, kind, owned.TryGetValue(id, out var owner) ? owner : null)).ToHashSet(StringComparer.Ordinal);
    }

    private static bool MayReach(Caller caller, Upstream upstream, string? kind, ObjectOwner? owner)
    {
        var hasAccount = caller.Scopes.Contains(upstream.AccountScope);
        return owner is not { } known
            ? hasAccount
            : known.UserId == caller.Facts.UserId && (hasAccount || (known.AppId == caller.Facts.AppId && (kind == known.Kind)));
    }
}
