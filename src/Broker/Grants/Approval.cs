using System.Text.Json;

namespace TokenBroker.Grants;

/// <summary>What the user approved, after narrowing.</summary>
internal sealed record Approval(Guid UserId, Guid ApplicationId, string UpstreamId, Guid? UpstreamKeyId, IReadOnlyList<string> Scopes)
{
    /// <summary>The sponsor with whom the user's credit pays; null where their own key does. See <see cref="Purse"/>.</summary>
    public Guid? SponsorId { get; init; }

    /// <summary>The last four characters of a key that is never stored, where there is such a one in the place of <see cref="UpstreamKeyId"/>.</summary>
    public string? CarriedLastFour { get; init; }

    /// <summary>Null for every model.</summary>
    public required IReadOnlyList<string>? Models { get; init; }

    public required long BudgetMicros { get; init; }

    public required BudgetPeriod BudgetPeriod { get; init; }

    public required int? RequestsPerMinute { get; init; }

    public required DateTime ExpiresAt { get; init; }

    /// <summary>The grant that the user was shown and that the approval builds on; null where they were shown none.</summary>
    public Grant? Earlier { get; init; }

    /// <summary>Sets what it says, and counts it as a change.</summary>
    /// <exception cref="InvalidOperationException">The sponsor is none for this app, or beside a key: nothing else may have let it get here.</exception>
    public void WriteTo(Grant grant)
    {
        if (SponsorId is { } sponsor && (!Purse.MayPay(sponsor, ApplicationId) || UpstreamKeyId is not null || CarriedLastFour is not null))
        {
            throw new InvalidOperationException("One purse pays for a grant: the user's own key, or credit with its app or the operator.");
        }

        grant.Scopes = JsonSerializer.Serialize(Scopes);
        grant.UpstreamKeyId = UpstreamKeyId;
        grant.SponsorId = SponsorId;
        grant.CarriesKey = UpstreamKeyId is null && SponsorId is null;
        grant.CarriedLastFour = grant.CarriesKey ? CarriedLastFour : null;
        grant.Models = Models;
        grant.BudgetMicros = BudgetMicros;
        grant.BudgetPeriod = BudgetPeriod;
        grant.RequestsPerMinute = RequestsPerMinute;
        grant.ExpiresAt = ExpiresAt;
        grant.Revision++;
    }

    /// <summary>What the audit log keeps of it.</summary>
    public object ForTheRecord() => new
    {
        app = ApplicationId,
        key = UpstreamKeyId,
        credit_with = SponsorId,
        never_stored = UpstreamKeyId is null && SponsorId is null,
        scopes = Scopes,
        models = Models,
        budget_micros = BudgetMicros,
        budget_period = BudgetPeriod.ToString(),
        requests_per_minute = RequestsPerMinute,
        expires_at = ExpiresAt,
    };
}
