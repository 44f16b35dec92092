namespace TokenBroker.Custody.Rewrapping;

internal sealed class UpstreamKeyRecords() : SealedTable<UpstreamKey>("upstream keys", nameof(UpstreamKey.Envelope))
{
    protected override SealedRecord RecordOf(UpstreamKey row) =>
        new(row.Id.ToString(), row.KekId, row.Envelope, UpstreamKeys.BindingOf(row.UserId, row.Id, row.Generation, row.UpstreamId));
}

internal sealed class SponsorKeyRecords() : SealedTable<SponsorKey>("sponsor keys", nameof(SponsorKey.Envelope))
{
    protected override SealedRecord RecordOf(SponsorKey row) =>
        new(row.Id.ToString(), row.KekId, row.Envelope, SponsorKeys.BindingOf(row.SponsorId, row.Id, row.UpstreamId));
}

/// <summary>Keys that come with each token: the carrier goes into the commitment, so that only their DEK can be looked at.</summary>
internal sealed class CarriedKeyRecords() : SealedTable<CarriedKey>("carried keys", nameof(CarriedKey.Envelope))
{
    protected override SealedRecord RecordOf(CarriedKey row) => new(
        row.Id.ToString(), row.KekId, row.Envelope,
        new EnvelopeBinding("grant:" + row.GrantId.ToString("N"), row.Id.ToString("N"), "carried"),
        CommitmentOf.Carrier);
}

/// <summary>The record key, which is sealed by the KEK alone, and the keys that browsers seal uploads to.</summary>
internal sealed class CustodySecretRecords() : SealedTable<CustodySecret>("custody secrets", nameof(CustodySecret.Envelope))
{
    protected override SealedRecord RecordOf(CustodySecret row) => new(
        row.Id.ToString(), row.KekId, row.Envelope,
        new EnvelopeBinding("broker", row.Id.ToString("N"), row.Purpose),
        row.Purpose == RecordKey.Purpose ? CommitmentOf.DataKeyAlone : CommitmentOf.DataAndRecordKey);
}
