using TokenBroker.Authorization.Details;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Consent;

/// <summary>A limit that the app wants moved.</summary>
internal sealed record Raise<T>(T Before, T After);

/// <summary>
/// What an app asks for beyond the live grant that it holds. The person is shown this and nothing else, and what they
/// allow of it is added: nothing that they allowed before is taken away by an answer, or by its absence.
/// </summary>
internal sealed class ConsentDifference
{
    /// <summary>An app that proposes the same lifetime at every sign-in would never be covered; it is, while most of it is left.</summary>
    private const double MostOfIt = 0.9;

    public required IReadOnlyList<AskedCapability> Capabilities { get; init; }

    public required IReadOnlyList<string> IdentityScopes { get; init; }

    public required IReadOnlyList<string> Models { get; init; }

    public required Raise<Budget>? Budget { get; init; }

    public required Raise<int>? RequestsPerMinute { get; init; }

    /// <summary>The end of the access.</summary>
    public required Raise<DateTime>? End { get; init; }

    /// <summary>True where the grant covers the request.</summary>
    public bool IsEmpty => Capabilities.Count == 0 && IdentityScopes.Count == 0 && Models.Count == 0
        && Budget is null && RequestsPerMinute is null && End is null;

    public static ConsentDifference Of(
        Grant grant, IEnumerable<AskedCapability> capabilities, IEnumerable<string> scopes, ModelAccess? proposal, DateTime now)
    {
        var held = grant.ScopeList();
        var budget = new Budget(grant.BudgetMicros, grant.BudgetPeriod);
        return new ConsentDifference
        {
            Capabilities = [.. capabilities.Where(asked => !held.Contains(asked.Capability.Scope))],
            IdentityScopes = [.. Catalogue.IdentityScopes.Where(scopes.Contains).Except(held)],
            Models = grant.Models is null ? [] : [.. (proposal?.Models ?? []).Except(grant.Models)],
            Budget = proposal?.Budget is { } wanted && (wanted.Period != budget.Period || wanted.Micros > budget.Micros)
                ? new(budget, wanted)
                : null,
            RequestsPerMinute = proposal?.RequestsPerMinute is { } rate && grant.RequestsPerMinute is { } present && rate > present ? new(present, rate) : null,
            End = proposal?.Lifetime is { } lifetime && now + (lifetime * MostOfIt) > grant.ExpiresAt
                ? new(grant.ExpiresAt, now + lifetime)
                : null,
        };
    }
}
