namespace TokenBroker.Accounts;

/// <summary>A token by which a person's own programs use the management API in their name. Only its hash is kept.</summary>
internal sealed class ApiToken
{
    public Guid Id { get; set; }

    public Guid UserId { get; set; }

    public required string Name { get; set; }

    /// <summary>SHA-256 of the token, which is 256 random bits.</summary>
    public required byte[] Hash { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime ExpiresAt { get; set; }

    public DateTime? LastUsedAt { get; set; }
}
