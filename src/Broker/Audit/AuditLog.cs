using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Audit;

/// <summary>
/// The log of every security decision. A row is written in the transaction of the effect that it records, so that
/// neither exists without the other, and its hash covers its fields and the hash of the row before it, so that a
/// changed, removed or reordered row is found by <see cref="VerifyAsync"/>. Fields are length-prefixed before they
/// are hashed: a line break or a quote in an app's name cannot forge a second record.
/// </summary>
internal sealed class AuditLog(BrokerDbContext db, TimeProvider time)
{
    private static readonly byte[] Genesis = new byte[SHA256.HashSizeInBytes];

    /// <summary>Appends one event. The caller holds the transaction: see <see cref="Transactions.InTransactionAsync"/>.</summary>
    /// <param name="action">What was decided, such as <c>grant.approved</c>.</param>
    /// <param name="actor"><c>user:ID</c>, <c>app:ID</c>, <c>operator:cli</c>, <c>system</c> or <c>anonymous</c>.</param>
    /// <param name="target">To what, such as <c>grant:ID</c>.</param>
    /// <param name="userId">The user whose log shows the event.</param>
    /// <param name="detail">Plain facts, serialised as a flat JSON object; never a secret.</param>
    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    public async Task RecordAsync(
        string action, string actor, string target, Guid? userId, object? detail, CancellationToken cancellationToken)
    {
        if (db.Database.CurrentTransaction is null)
        {
            throw new InvalidOperationException($"'{action}' must be recorded in the transaction of its effect.");
        }

        // A save first: rows that the caller has only added take part in the same transaction and may fail it.
        await db.SaveChangesAsync(cancellationToken);
        await db.QueueAsync(cancellationToken);
        var last = await db.AuditEvents.AsNoTracking()
            .OrderByDescending(e => e.Sequence)
            .Select(e => new { e.Sequence, e.Hash })
            .FirstOrDefaultAsync(cancellationToken);

        var now = time.GetUtcNow().UtcDateTime;
        var entry = new AuditEvent
        {
            Sequence = (last?.Sequence ?? 0) + 1,

            // Whole milliseconds: what every database gives back is then what was hashed.
            At = new DateTime(now.Ticks - (now.Ticks % TimeSpan.TicksPerMillisecond), DateTimeKind.Utc),
            Action = action,
            Actor = actor,
            Target = target,
            UserId = userId,
            Detail = JsonSerializer.Serialize(detail ?? new object()),
            PreviousHash = last?.Hash ?? Genesis,
            Hash = [],
        };
        entry.Hash = HashOf(entry);
        db.AuditEvents.Add(entry);
        await db.SaveChangesAsync(cancellationToken);
        db.Entry(entry).State = EntityState.Detached;
    }

    /// <summary>Walks the whole chain.</summary>
    /// <returns>How many rows hold, and the first sequence number that does not, if any.</returns>
    public async Task<(long Verified, long? BrokenAt)> VerifyAsync(CancellationToken cancellationToken)
    {
        var previous = Genesis;
        var expected = 1L;
        await foreach (var entry in db.AuditEvents.AsNoTracking().OrderBy(e => e.Sequence)
            .AsAsyncEnumerable().WithCancellation(cancellationToken))
        {
            if (entry.Sequence != expected
                || !entry.PreviousHash.AsSpan().SequenceEqual(previous)
                || !entry.Hash.AsSpan().SequenceEqual(HashOf(entry)))
            {
                return (expected - 1, expected);
            }

            previous = entry.Hash;
            expected++;
        }

        return (expected - 1, null);
    }

    private static byte[] HashOf(AuditEvent entry)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64BigEndian(number, entry.Sequence);
        hash.AppendData(number);
        BinaryPrimitives.WriteInt64BigEndian(number, entry.At.Ticks);
        hash.AppendData(number);
        foreach (var field in (ReadOnlySpan<string>)
            [entry.Action, entry.Actor, entry.Target, entry.UserId?.ToString() ?? "", entry.Detail])
        {
            var bytes = Encoding.UTF8.GetBytes(field);
            BinaryPrimitives.WriteInt64BigEndian(number, bytes.Length);
            hash.AppendData(number);
            hash.AppendData(bytes);
        }

        hash.AppendData(entry.PreviousHash);
        return hash.GetHashAndReset();
    }
}
