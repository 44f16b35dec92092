using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Gateway;

/// <summary>
/// Who made which object at the providers. An object belongs to the user and the app under whose grant it was made, for
/// as long as it exists, and nobody else reaches it through this broker: many apps, and with a shared key many users,
/// live on one provider account, where the provider itself keeps them apart by nothing.
/// </summary>
internal sealed class ObjectOwners(IServiceScopeFactory scopes, TimeProvider time)
{
    public OwnerCache Cache { get; } = new();

    /// <returns>The owners of those that have one; what is missing is nobody's.</returns>
    public async ValueTask<IReadOnlyDictionary<string, ObjectOwner>> FindAsync(
        string upstreamId, IEnumerable<string> ids, CancellationToken cancellationToken)
    {
        var found = new Dictionary<string, ObjectOwner>(StringComparer.Ordinal);
        List<string>? unknown = null;
        foreach (var id in ids)
        {
            if (Cache.TryGet(upstreamId, id, out var owner))
            {
                found[id] = owner;
            }
            else
            {
                (unknown ??= []).Add(id);
            }
        }

        if (unknown is null)
        {
            return found;
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var rows = await db.UpstreamObjects.AsNoTracking()
            .Where(o => o.UpstreamId == upstreamId && unknown.Contains(o.ObjectId))
            .ToListAsync(cancellationToken);
        foreach (var row in rows)
        {
            var owner = new ObjectOwner(row.UserId, row.AppId, row.Kind);
            Cache.Add(upstreamId, row.ObjectId, owner);
            found[row.ObjectId] = owner;
        }

        return found;
    }

    /// <summary>Writes down whose an object is, once.</summary>
    /// <exception cref="ObjectNotRecordedException">It is somebody else's.</exception>
    public async Task RecordAsync(string upstreamId, string id, ObjectOwner owner, CancellationToken cancellationToken)
    {
        if (Cache.TryGet(upstreamId, id, out var known))
        {
            Require(known, owner);
            return;
        }

        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var now = time.GetUtcNow().UtcDateTime;
        var written = await db.Database.ExecuteSqlAsync(
            $"""
             INSERT INTO upstream_objects ("UpstreamId", "ObjectId", "Kind", "UserId", "AppId", "CreatedAt")
             VALUES ({upstreamId}, {id}, {owner.Kind}, {owner.UserId}, {owner.AppId}, {now})
             ON CONFLICT ("UpstreamId", "ObjectId") DO NOTHING
             """,
            cancellationToken);
        if (written == 0)
        {
            var row = await db.UpstreamObjects.AsNoTracking().SingleAsync(o => o.UpstreamId == upstreamId && o.ObjectId == id, cancellationToken);
            Require(new ObjectOwner(row.UserId, row.AppId, row.Kind), owner);
        }

        Cache.Add(upstreamId, id, owner);
    }

    /// <summary>The object is gone at the provider.</summary>
    public async Task RemoveAsync(string upstreamId, string id, CancellationToken cancellationToken)
    {
        Cache.Remove(upstreamId, id);
        await using var scope = scopes.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        await db.UpstreamObjects.Where(o => o.UpstreamId == upstreamId && o.ObjectId == id).ExecuteDeleteAsync(cancellationToken);
    }

    private static void Require(ObjectOwner recorded, ObjectOwner owner)
    {
        if (recorded != owner)
        {
            throw new ObjectNotRecordedException("The provider's answer names an object that is recorded for another user or app.");
        }
    }
}

/// <summary>The provider made an object whose owner could not be written down: the answer that tells of it is withheld.</summary>
internal sealed class ObjectNotRecordedException(string message, Exception? inner = null) : IOException(message, inner);
