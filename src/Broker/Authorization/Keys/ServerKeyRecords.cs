using TokenBroker.Custody.Rewrapping;

namespace TokenBroker.Authorization.Keys;

/// <summary>The server's own keys, as rotation of the KEK sees them.</summary>
internal sealed class ServerKeyRecords() : SealedTable<ServerKey>("server keys", nameof(ServerKey.SealedPrivateKey))
{
    protected override SealedRecord RecordOf(ServerKey row) =>
        new(row.Id.ToString(), row.KekId, row.SealedPrivateKey, ServerKeys.BindingOf(row.Id, row.Use));
}
