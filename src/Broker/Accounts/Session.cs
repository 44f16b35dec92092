namespace TokenBroker.Accounts;

/// <summary>
/// One signed-in browser. The cookie only names the row: a session that is signed out, idle for too long,
/// past its absolute end, or closed by a credential change is dead on the server, whoever holds a copy of the cookie.
/// </summary>
internal sealed class Session
{
    public Guid Id { get; set; }

    public Guid UserId { get; set; }

    public DateTime CreatedAt { get; set; }

    public DateTime LastSeenAt { get; set; }

    /// <summary>The absolute end; activity does not move it.</summary>
    public DateTime ExpiresAt { get; set; }

    public DateTime? EndedAt { get; set; }

    /// <summary>Browser and system in plain words, cut to 200 characters, so that a person recognises the session.</summary>
    public string Device { get; set; } = "";
}
