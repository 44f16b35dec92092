using TokenBroker.Storage;

namespace TokenBroker.Custody.Rewrapping;

/// <summary>
/// One kind of record that the KEK seals: how such records are found, and how one gets another envelope. Whatever is
/// sealed must be here, or a KEK version would be retired that still wraps it.
/// </summary>
internal interface ISealedRecords
{
    /// <summary>The kind in plain words, in the plural.</summary>
    string Kind { get; }

    /// <summary>What the rows say of themselves; an index has it. The envelope is what counts.</summary>
    Task<IReadOnlyDictionary<string, long>> CountByColumnAsync(BrokerDbContext db, CancellationToken cancellationToken);

    /// <summary>The next records in the order of their ids.</summary>
    /// <param name="db">The database.</param>
    /// <param name="kekId">Only those whose row names this version; null for all.</param>
    /// <param name="after">The last one of the page before; null for the first page.</param>
    /// <param name="most">How many.</param>
    /// <param name="cancellationToken">Gives up.</param>
    Task<IReadOnlyList<SealedRecord>> PageAsync(BrokerDbContext db, string? kekId, SealedRecord? after, int most, CancellationToken cancellationToken);

    /// <summary>Puts another envelope in the place of the one that was read, in one statement, and only there.</summary>
    /// <returns>False where the record was replaced or deleted meanwhile: nothing is changed then.</returns>
    Task<bool> ReplaceAsync(BrokerDbContext db, SealedRecord read, byte[] envelope, CancellationToken cancellationToken);
}

/// <summary>A sealed record as it was read.</summary>
/// <param name="Id">The row's id.</param>
/// <param name="Column">The KEK version that the row names.</param>
/// <param name="Envelope">The record itself.</param>
/// <param name="Binding">What it is bound to.</param>
/// <param name="Commitment">What goes into its commitment.</param>
internal sealed record SealedRecord(string Id, string Column, byte[] Envelope, EnvelopeBinding Binding, CommitmentOf Commitment = CommitmentOf.DataAndRecordKey)
{
    /// <summary>The version that wraps it; empty where that cannot be read.</summary>
    public string KekId
    {
        get
        {
            try
            {
                return Envelopes.KekIdOf(Envelope);
            }
            catch (System.Security.Cryptography.CryptographicException)
            {
                return "";
            }
        }
    }
}
