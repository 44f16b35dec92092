using System.Globalization;
using System.Text.Json.Nodes;
using TokenBroker.Grants;
using TokenBroker.Metering;

namespace TokenBroker.Authorization.Details;

/// <summary>
/// What was truly granted, what is left of it, and when it begins anew. The token response, introspection and
/// <c>GET /api/v1/grant</c> all tell it in this one shape: that of RFC 9396, section 7, with <c>budget.remaining</c>
/// and <c>budget.resets_at</c>. <c>lifetime</c> is what is left of it, in seconds; <c>purse</c> is what pays. For a grant that
/// was cut from another, it is what it and all above it allow.
/// </summary>
internal sealed record GrantedAccess(
    Grant Grant,
    string Location,
    IReadOnlyList<string> Scopes,
    IReadOnlyList<string>? Models,
    BudgetStanding Budget,
    int RequestsPerMinute,
    DateTime ExpiresAt,
    TimeSpan Left,
    bool IsPaused,
    bool HasEnded)
{
    /// <summary>The sponsor with whom the user's credit pays; null where their own key does. Of a grant that was cut, its root's.</summary>
    public required Guid? SponsorId { get; init; }

    /// <summary>The value of <c>authorization_details</c>.</summary>
    public JsonArray ToDetails()
    {
        var budget = new JsonObject
        {
            ["amount"] = Dollars(Grant.BudgetMicros),
            ["currency"] = "USD",
            ["period"] = Words(Grant.BudgetPeriod),
            ["remaining"] = Dollars(Budget.RemainingMicros),
        };
        if (Budget.ResetsAt is { } resets)
        {
            budget["resets_at"] = Instant(resets.UtcDateTime);
        }

        var detail = new JsonObject
        {
            ["type"] = ModelAccess.Type,
            ["locations"] = new JsonArray(Location),
            ["upstream"] = Grant.UpstreamId,
        };
        if (Models is not null)
        {
            detail["models"] = new JsonArray([.. Models.Select(model => JsonValue.Create(model))]);
        }

        detail["budget"] = budget;
        detail["rate"] = new JsonObject { ["requests_per_minute"] = RequestsPerMinute };
        detail["lifetime"] = (long)Left.TotalSeconds;
        detail["purse"] = Words(SponsorId);
        return [detail];
    }

    /// <summary>As RFC 3339 has it, in UTC.</summary>
    public static string Instant(DateTime utc) => utc.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture);

    /// <summary>Who pays, and no more: neither which key of the user, nor how much credit there is.</summary>
    private static string Words(Guid? sponsorId) => sponsorId is null ? "own_key" : sponsorId == Purse.Operator ? "operator_credit" : "app_credit";

    private static string Words(BudgetPeriod period) => period switch
    {
        BudgetPeriod.Day => "day",
        BudgetPeriod.Month => "month",
        _ => "total",
    };

    private static string Dollars(long micros) => (micros / 1_000_000m).ToString("0.00####", CultureInfo.InvariantCulture);
}
