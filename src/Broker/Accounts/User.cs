using Microsoft.AspNetCore.Identity;

namespace TokenBroker.Accounts;

/// <summary>A person who keeps keys here: the resource owner of RFC 6749.</summary>
internal sealed class User : IdentityUser<Guid>
{
    public DateTime CreatedAt { get; set; }

    /// <summary>May review apps. Set by the command line alone.</summary>
    public bool IsOperator { get; set; }

    /// <summary>
    /// Until when no password is accepted, after too many wrong ones. Identity's own lockout is not used: it would
    /// also lock out passkeys, which cannot be guessed, and so let anybody who knows an address shut its owner out.
    /// </summary>
    public DateTime? PasswordLockedUntil { get; set; }

    /// <summary>Wants what apps send on their keys moderated first.</summary>
    public bool WantsModeration { get; set; }
}
