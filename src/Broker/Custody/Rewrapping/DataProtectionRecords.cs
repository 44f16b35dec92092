using System.Globalization;
using System.Xml.Linq;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Storage;

namespace TokenBroker.Custody.Rewrapping;

/// <summary>
/// ASP.NET Core's Data Protection keys: the envelope stands inside an XML document, and no column names its KEK. They are
/// few, a new one every 90 days. The framework keeps the ones that it has opened; another envelope is no news to it.
/// </summary>
internal sealed class DataProtectionRecords : ISealedRecords
{
    public string Kind => "data protection keys";

    public async Task<IReadOnlyDictionary<string, long>> CountByColumnAsync(BrokerDbContext db, CancellationToken cancellationToken) =>
        (await ReadAsync(db, cancellationToken)).GroupBy(record => record.KekId).ToDictionary(group => group.Key, group => group.LongCount());

    public async Task<IReadOnlyList<SealedRecord>> PageAsync(BrokerDbContext db, string? kekId, SealedRecord? after, int most, CancellationToken cancellationToken)
    {
        var last = after is null ? int.MinValue : IdOf(after);
        return [.. (await ReadAsync(db, cancellationToken))
            .Where(record => IdOf(record) > last && (kekId is null || record.Column == kekId))
            .Take(most)];
    }

    public async Task<bool> ReplaceAsync(BrokerDbContext db, SealedRecord read, byte[] envelope, CancellationToken cancellationToken)
    {
        var id = IdOf(read);
        var xml = await db.DataProtectionKeys.Where(k => k.Id == id).Select(k => k.Xml).FirstOrDefaultAsync(cancellationToken);
        if (xml is null || ValueIn(XElement.Parse(xml)) is not { } value || !string.Equals(value.Value, Convert.ToBase64String(read.Envelope), StringComparison.Ordinal))
        {
            return false;
        }

        value.Value = Convert.ToBase64String(envelope);
        var next = value.AncestorsAndSelf().Last().ToString(SaveOptions.DisableFormatting);
        return await db.DataProtectionKeys.Where(k => k.Id == id && k.Xml == xml)
            .ExecuteUpdateAsync(set => set.SetProperty(k => k.Xml, next), cancellationToken) == 1;
    }

    private static async Task<List<SealedRecord>> ReadAsync(BrokerDbContext db, CancellationToken cancellationToken)
    {
        var records = new List<SealedRecord>();
        foreach (var row in await db.DataProtectionKeys.AsNoTracking().OrderBy(k => k.Id).ToListAsync(cancellationToken))
        {
            // A row without one revokes a key, and seals nothing.
            if (row.Xml is not null && ValueIn(XElement.Parse(row.Xml)) is { } value)
            {
                var record = new SealedRecord(
                    row.Id.ToString(CultureInfo.InvariantCulture), "", Convert.FromBase64String(value.Value), KekXmlEncryptor.Binding);
                records.Add(record with { Column = record.KekId });
            }
        }

        return records;
    }

    private static XElement? ValueIn(XElement key) =>
        key.Descendants().FirstOrDefault(element => element.Name.LocalName == "sealedKey")?.Elements().FirstOrDefault(element => element.Name.LocalName == "value");

    private static int IdOf(SealedRecord record) => int.Parse(record.Id, CultureInfo.InvariantCulture);
}
