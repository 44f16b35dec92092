using System.Text.Json;
using OpenIddict.EntityFrameworkCore.Models;
using TokenBroker.Apps;
using TokenBroker.Authorization;

namespace TokenBroker.Grants;

/// <summary>
/// What one user allowed one app: scopes, models, key, limits, lifetime, status. OpenIddict's authorization
/// entity, extended, so that there is one row and one status that tokens, portal and gateway all obey.
/// </summary>
internal sealed class Grant : OpenIddictEntityFrameworkCoreAuthorization<Guid, App, Token>
{
    public Guid UserId { get; set; }

    /// <summary>The app; null only while the app's row is being deleted.</summary>
    public Guid? ApplicationId { get; set; }

    /// <summary>The upstream whose operations the scopes open, such as <c>openai</c>.</summary>
    public required string UpstreamId { get; set; }

    /// <summary>The user's own key that calls are made with; null once they have deleted it, or where a sponsor pays.</summary>
    public Guid? UpstreamKeyId { get; set; }

    /// <summary>Whose key calls are made with where the user's credit pays for them: see <see cref="Purse"/>. Null for the user's own key.</summary>
    public Guid? SponsorId { get; set; }

    /// <summary>
    /// Whether the key is never stored: it comes with each token, as <see cref="Custody.CarriedKey"/> says, and
    /// <see cref="UpstreamKeyId"/> is null.
    /// </summary>
    public bool CarriesKey { get; set; }

    /// <summary>The last four characters of a key that is carried.</summary>
    public string? CarriedLastFour { get; set; }

    /// <summary>The models that may be called; null means every model that has a price.</summary>
    public IReadOnlyList<string>? Models { get; set; }

    /// <summary>The hard cap for one <see cref="BudgetPeriod"/>, in micro-dollars.</summary>
    public long BudgetMicros { get; set; }

    public BudgetPeriod BudgetPeriod { get; set; }

    /// <summary>Calls in one minute; null means the broker's own limit, which holds in any case.</summary>
    public int? RequestsPerMinute { get; set; }

    /// <summary>The grant that this one was cut from by token exchange (RFC 8693); it ends with it and spends of it.</summary>
    public Guid? ParentId { get; set; }

    /// <summary>The absolute end that the user chose at consent; refresh does not move it.</summary>
    public DateTime ExpiresAt { get; set; }

    public DateTime? PausedAt { get; set; }

    public DateTime? LastUsedAt { get; set; }

    public DateTime? EndedAt { get; set; }

    /// <summary>Grows by one with every change that the gateway must see.</summary>
    public int Revision { get; set; }

    /// <summary>What it allows; OpenIddict keeps it as JSON.</summary>
    public IReadOnlyList<string> ScopeList() => JsonSerializer.Deserialize<string[]>(Scopes ?? "[]") ?? [];
}
