namespace TokenBroker.Custody;

/// <summary>Which key a call is made with.</summary>
/// <param name="Id">The row: of <see cref="UpstreamKey"/>, or of <see cref="CarriedKey"/> where there is a carrier.</param>
/// <param name="GrantId">The grant that the call is made under.</param>
/// <param name="Carrier">What the call's token carries of a key that is not stored; null for a stored one.</param>
/// <param name="IsSponsors">True where the row is of <see cref="SponsorKey"/>: somebody else's key, and the user's credit pays.</param>
internal readonly record struct KeyUse(Guid Id, Guid GrantId, Carrier? Carrier, bool IsSponsors = false);
