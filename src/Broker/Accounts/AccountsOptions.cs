using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Accounts;

/// <summary>The <c>Accounts</c> section of the configuration.</summary>
internal sealed class AccountsOptions
{
    public const string Section = "Accounts";

    /// <summary>
    /// How many forms with credentials one address may post in a minute. A person who mistypes needs a few; ten keep
    /// a guesser to 14,400 a day, and each account locks long before. Requests for passkey options get six times that.
    /// </summary>
    [Range(1, 1_000_000)]
    public int SignInAttemptsPerMinute { get; set; } = 10;

    /// <summary>A session that nobody used for this long is dead. Two hours: a lunch, not a night.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan SessionIdleTimeout { get; set; } = TimeSpan.FromHours(2);

    /// <summary>A session ends this long after the sign-in, however busy it is (OWASP ASVS 7.3.2).</summary>
    [Range(typeof(TimeSpan), "00:01:00", "30.00:00:00")]
    public TimeSpan SessionLifetime { get; set; } = TimeSpan.FromHours(12);

    /// <summary>How fresh a sign-in must be for what a thief of an open browser must not do.</summary>
    [Range(typeof(TimeSpan), "00:00:30", "1.00:00:00")]
    public TimeSpan RecentSignIn { get; set; } = TimeSpan.FromMinutes(15);

    /// <summary>
    /// The domain that passkeys are bound to. Without it, it is the host of the request. Set it where the broker
    /// is reached under several hosts of one domain; changing it later makes every passkey useless.
    /// </summary>
    public string? PasskeyDomain { get; set; }
}
