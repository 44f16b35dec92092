namespace TokenBroker.Custody;

/// <summary>What a sealed record belongs to. It is authenticated with the record, so that a row that is copied elsewhere does not open.</summary>
/// <param name="Owner">The user's id, or <c>broker</c> for the broker's own records.</param>
/// <param name="RecordId">The row's id.</param>
/// <param name="Purpose">The upstream, or what the record is for.</param>
internal readonly record struct EnvelopeBinding(string Owner, string RecordId, string Purpose);
