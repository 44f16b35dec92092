namespace TokenBroker.Custody;

/// <summary>
/// An upstream key that is never stored so that the broker could open it: its envelope takes a carrier, a secret that
/// exists only inside one of the app's tokens. Each token that is issued has its own carrier and row.
/// </summary>
internal sealed class CarriedKey
{
    public Guid Id { get; set; }

    public Guid GrantId { get; set; }

    /// <summary>The sealed key; opens with the vault and the token's carrier together.</summary>
    public required byte[] Envelope { get; set; }

    public required string KekId { get; set; }

    /// <summary>When the token that carries it ends, and this row with it.</summary>
    public DateTime ExpiresAt { get; set; }
}
