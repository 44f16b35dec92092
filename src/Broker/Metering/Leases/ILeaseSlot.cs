namespace TokenBroker.Metering;

/// <summary>
/// Where a book writes what a process that is killed must not take with it. Each store is one aligned word, in the order
/// of the program: whoever reads it later sees a prefix of them.
/// </summary>
internal interface ILeaseSlot
{
    /// <summary>What open calls reserve.</summary>
    long Reserved { set; }

    /// <summary>What all calls cost since the book was opened.</summary>
    long Settled { set; }

    /// <summary>Of what was settled, so much is stored once the flush of this number is committed. The mark of the flush before stays.</summary>
    void Mark(long flush, long stored);

    void Free();
}
