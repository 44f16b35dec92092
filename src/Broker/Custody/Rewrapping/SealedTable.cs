using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Metadata;
using TokenBroker.Storage;

namespace TokenBroker.Custody.Rewrapping;

/// <summary>A table whose rows have a <see cref="Guid"/> as id, an envelope, and the KEK version's id in a column beside it.</summary>
/// <param name="kind">As in <see cref="ISealedRecords.Kind"/>.</param>
/// <param name="envelope">The property that holds the envelope.</param>
internal abstract class SealedTable<TRow>(string kind, string envelope) : ISealedRecords
    where TRow : class
{
    private const string Id = "Id";
    private const string KekId = "KekId";

    private string? _update;

    public string Kind => kind;

    public async Task<IReadOnlyDictionary<string, long>> CountByColumnAsync(BrokerDbContext db, CancellationToken cancellationToken) =>
        await db.Set<TRow>().GroupBy(row => EF.Property<string>(row, KekId))
            .Select(rows => new { rows.Key, Count = rows.LongCount() })
            .ToDictionaryAsync(rows => rows.Key, rows => rows.Count, cancellationToken);

    public async Task<IReadOnlyList<SealedRecord>> PageAsync(BrokerDbContext db, string? kekId, SealedRecord? after, int most, CancellationToken cancellationToken)
    {
        var rows = db.Set<TRow>().AsNoTracking();
        if (kekId is not null)
        {
            rows = rows.Where(row => EF.Property<string>(row, KekId) == kekId);
        }

        if (after is not null)
        {
            var last = Guid.Parse(after.Id);
            rows = rows.Where(row => EF.Property<Guid>(row, Id) > last);
        }

        return (await rows.OrderBy(row => EF.Property<Guid>(row, Id)).Take(most).ToListAsync(cancellationToken)).ConvertAll(RecordOf);
    }

    public async Task<bool> ReplaceAsync(BrokerDbContext db, SealedRecord read, byte[] envelopeNow, CancellationToken cancellationToken)
    {
        _update ??= UpdateOf(db);
        return await db.Database.ExecuteSqlRawAsync(
            _update, [envelopeNow, Envelopes.KekIdOf(envelopeNow), Guid.Parse(read.Id), read.Envelope], cancellationToken) == 1;
    }

    /// <summary>As text, of the model's own names: a hundred thousand statements are not worth as many translations.</summary>
    private string UpdateOf(BrokerDbContext db)
    {
        var type = db.Model.FindEntityType(typeof(TRow))!;
        var table = StoreObjectIdentifier.Create(type, StoreObjectType.Table)!.Value;
        string Column(string property) => $"\"{type.FindProperty(property)!.GetColumnName(table)}\"";
        return $"UPDATE \"{table.Name}\" SET {Column(envelope)} = {{0}}, {Column(KekId)} = {{1}} WHERE {Column(Id)} = {{2}} AND {Column(envelope)} = {{3}}";
    }

    protected abstract SealedRecord RecordOf(TRow row);
}
