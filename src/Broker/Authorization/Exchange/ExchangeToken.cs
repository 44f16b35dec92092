using System.Collections.Immutable;
using System.Security.Claims;
using OpenIddict.Abstractions;
using TokenBroker.Authorization.Carriers;
using TokenBroker.Authorization.Details;
using TokenBroker.Grants;
using TokenBroker.Metering;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Exchange;

/// <summary>An exchange that is refused.</summary>
internal sealed record ExchangeRefusal(string Error, string Description);

/// <summary>
/// Trades an app's access token for a narrower, shorter one, to hand to its own page, worker or agent. Delegation only
/// shrinks: fewer scopes or models, a slice of the budget, minutes; more than the subject token has is refused, never
/// trimmed unseen. What comes out speaks for a grant of its own that is cut from the subject's.
/// </summary>
internal sealed class ExchangeToken(TellGranted granted, ModelAccessReader reader, CutGrant cut, IssuedIdentity identity, IssueCarriers carriers, TimeProvider time)
{
    private static readonly TimeSpan DefaultLifetime = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan ShortestLifetime = TimeSpan.FromMinutes(1);

    /// <param name="request">The token request; OpenIddict has authenticated its client.</param>
    /// <param name="subject">The subject token's claims; OpenIddict has validated it and that it is the client's own.</param>
    /// <param name="cancellationToken">Cancels before the commit only.</param>
    /// <returns>What the new token says, or the refusal.</returns>
    public async Task<(ClaimsPrincipal? Principal, ExchangeRefusal? Refusal)> RunAsync(
        OpenIddictRequest request, ClaimsPrincipal subject, CancellationToken cancellationToken)
    {
        if (!Guid.TryParse(subject.GetAuthorizationId(), out var parentId)
            || subject.GetExpirationDate() is not { } expires
            || await granted.FindAsync(parentId, cancellationToken) is not { HasEnded: false, IsPaused: false } has)
        {
            return Refuse(Errors.InvalidRequest, "The grant behind the subject token has ended or is paused.");
        }

        var (scopes, refusedScope) = ScopesOf(request, subject, has);
        if (refusedScope is not null)
        {
            return Refuse(Errors.InvalidScope, refusedScope);
        }

        var (wish, refusedWish) = WishOf(request, scopes, has);
        if (refusedWish is not null)
        {
            return Refuse(ModelAccess.Error, refusedWish);
        }

        var end = time.GetUtcNow() + (wish?.Lifetime ?? DefaultLifetime);
        var budget = wish?.Budget ?? new Budget(has.Grant.BudgetMicros, has.Grant.BudgetPeriod);
        var (child, complaint) = await cut.RunAsync(
            new Cutting(
                parentId, scopes, wish?.Models ?? has.Models, budget.Micros, budget.Period, wish?.RequestsPerMinute,
                (end < expires ? end : expires).UtcDateTime),
            cancellationToken);
        if (child is null)
        {
            return Refuse(Errors.InvalidRequest, complaint!);
        }

        var principal = await identity.MakeAsync(child, [.. scopes], child.ExpiresAt - time.GetUtcNow().UtcDateTime, cancellationToken);
        if (child.CarriesKey)
        {
            if (await carriers.CopyAsync(subject, child, cancellationToken) is not { } carried)
            {
                return Refuse(Errors.InvalidRequest, "The user's key was never stored, and the subject token no longer carries it.");
            }

            await carriers.SaveAsync(carried, cancellationToken);
            CarrierClaims.Attach(principal, carried);
        }

        return (principal, null);
    }

    /// <summary>What is asked for, or else all capabilities of the subject token. What says something of the person is not handed on.</summary>
    private static (ImmutableArray<string> Scopes, string? Complaint) ScopesOf(OpenIddictRequest request, ClaimsPrincipal subject, GrantedAccess has)
    {
        var capabilities = subject.GetScopes().Intersect(has.Scopes).Where(scope => scope.Contains(':', StringComparison.Ordinal)).ToImmutableArray();
        var asked = request.GetScopes();
        if (asked.IsDefaultOrEmpty)
        {
            return (capabilities, capabilities.IsEmpty ? "The subject token opens nothing that could be handed on." : null);
        }

        return asked.FirstOrDefault(scope => !capabilities.Contains(scope)) is { } more
            ? ([], $"The subject token does not hold '{more}'. An exchange can only ask for less.")
            : (asked, null);
    }

    private (ModelAccess? Wish, string? Complaint) WishOf(OpenIddictRequest request, ImmutableArray<string> scopes, GrantedAccess has)
    {
        if (request.GetParameter(ModelAccess.Parameter) is not { } parameter)
        {
            return (null, null);
        }

        var (wish, complaint) = (string?)parameter is { } json ? reader.Read(json, scopes, ShortestLifetime) : (null, "Give it once, as JSON.");
        return complaint is not null ? (null, complaint)
            : has.Models is { } models && wish!.Models?.FirstOrDefault(model => !models.Contains(model)) is { } more ? (null, $"The subject token may not use '{more}'.")
            : wish!.Budget is { } budget && budget.Micros > has.Grant.BudgetMicros ? (null, "The budget is larger than that of the subject token.")
            : wish.RequestsPerMinute > has.RequestsPerMinute ? (null, "The rate is higher than that of the subject token.")
            : (wish, null);
    }

    private static (ClaimsPrincipal? Principal, ExchangeRefusal? Refusal) Refuse(string error, string description) => (null, new ExchangeRefusal(error, description));
}
