using Microsoft.AspNetCore.Mvc.ModelBinding;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Pages.Keys;

namespace TokenBroker.Pages.Consent;

/// <summary>What became of an answer.</summary>
/// <param name="Grant">Null where the form has to be shown again.</param>
/// <param name="Form">The form as it is then shown.</param>
/// <param name="Carried">The key that is not stored, for the tokens to carry; the caller clears it.</param>
internal sealed record ConsentOutcome(Grant? Grant, ConsentForm Form, Secret? Carried = null);

/// <summary>What was read of a form: what is approved, and the key that is not stored.</summary>
internal sealed record ConsentAnswer(Approval Approval, Secret? Carried);

/// <summary>
/// Takes a person's answer: reads the form against what was asked, stores a new key where one is given, and writes
/// the grant. The form is believed in what it takes away and never in what it adds: scopes are those that were asked
/// for, keys the person's own, limits at most those proposed. What is wrong with it is said field by field, and then
/// nothing is granted or stored.
/// </summary>
internal sealed class AnswerConsent(ApproveGrant approve, UploadForms uploads, StoreKey storeKey, ConsentRecord record)
{
    private const string Changed = "What you allow this app has changed since this page was opened. This is how it stands; please answer again.";

    private const string AccountOnCredit = "Credit is paid with somebody else's account, and that is not opened as a whole. Untick it, or pay with your own key.";

    public async Task<ConsentOutcome> AllowAsync(
        ConsentRequest request, ConsentForm form, ModelStateDictionary complaints, CancellationToken cancellationToken)
    {
        if (request.IsFull)
        {
            // Known before anything is read or stored; two at once are told apart where the grant is written.
            await record.FullAsync(request.UserId, request.App.Id, request.TesterLimit, cancellationToken);
            form.NewKey = null;
            return new ConsentOutcome(null, form);
        }

        // A full answer speaks for itself. One about a difference makes sense for the grant that it was shown with.
        if (form.Shape != ConsentShape.Full && (form.Shape != request.Shape || form.Seen != request.Seen))
        {
            return Again(request, complaints, Changed);
        }

        if (form.Shape == ConsentShape.Confirm)
        {
            await record.ConfirmedAsync(request.UserId, request.App.Id, cancellationToken);
            return new ConsentOutcome(request.Earlier, form);
        }

        var read = form.Shape == ConsentShape.Difference
            ? ReadDifference(request, form, complaints)
            : await ReadAsync(request, form, complaints, cancellationToken);
        form.NewKey = null;
        if (read is null)
        {
            return new ConsentOutcome(null, form);
        }

        var outcome = await approve.RunAsync(read.Approval, cancellationToken);
        if (outcome.Refusal is not null)
        {
            read.Carried?.Dispose();
        }

        return outcome.Refusal switch
        {
            null => new ConsentOutcome(outcome.Grant, form, read.Carried),
            ApprovalRefusal.TestersFull => Again(request, complaints, "The last place for a tester of this app was just taken. It can have no more people until it is reviewed."),
            _ => Again(request, complaints, Changed),
        };
    }

    public Task DenyAsync(ConsentRequest request, CancellationToken cancellationToken) =>
        record.DeniedAsync(request.UserId, request.App.Id, cancellationToken);

    /// <summary>A full answer. What the app was allowed before, and does not ask about now, stays.</summary>
    /// <returns>Null where there was something to complain of.</returns>
    public async Task<ConsentAnswer?> ReadAsync(
        ConsentRequest request, ConsentForm form, ModelStateDictionary complaints, CancellationToken cancellationToken)
    {
        var limits = ConsentLimits.Read(request, form, complaints.AddModelError);
        var allowed = request.Capabilities
            .Where(asked => !asked.IsOptional || form.Scopes.Contains(asked.Capability.Scope))
            .Select(asked => asked.Capability.Scope)
            .ToList();
        if (allowed.Count == 0)
        {
            complaints.AddModelError(nameof(form.Scopes), "Allow at least one thing, or choose Deny.");
        }

        var identity = request.IdentityScopes.Where(scope => ConsentRequest.IsFixed(scope) || form.Scopes.Contains(scope));
        var others = request.Earlier?.ScopeList().Except(request.Scopes) ?? [];
        var key = await ReadKeyAsync(request, form, complaints, cancellationToken);
        if (key?.SponsorId is not null && allowed.Concat(others).Contains(request.Upstream.AccountScope))
        {
            complaints.AddModelError(nameof(form.Scopes), AccountOnCredit);
        }

        if (!complaints.IsValid || key is null || limits is null)
        {
            key?.Carried?.Dispose();
            return null;
        }

        return new ConsentAnswer(
            new Approval(request.UserId, request.App.Id, request.Upstream.Id, key.Id, [.. allowed, .. identity, .. others])
            {
                SponsorId = key.SponsorId,
                CarriedLastFour = key.LastFour,
                Models = limits.Models,
                BudgetMicros = limits.Budget.Micros,
                BudgetPeriod = limits.Budget.Period,
                RequestsPerMinute = limits.RequestsPerMinute,
                ExpiresAt = limits.End,
                Earlier = request.Earlier,
            },
            key.Carried);
    }

    /// <summary>What is allowed of the difference comes to what there is.</summary>
    private static ConsentAnswer? ReadDifference(ConsentRequest request, ConsentForm form, ModelStateDictionary complaints)
    {
        var (grant, difference) = (request.Earlier!, request.Difference!);
        IReadOnlyList<string> scopes =
        [
            .. difference.Capabilities.Where(asked => !asked.IsOptional || form.Scopes.Contains(asked.Capability.Scope)).Select(asked => asked.Capability.Scope),
            .. difference.IdentityScopes.Where(scope => ConsentRequest.IsFixed(scope) || form.Scopes.Contains(scope)),
        ];
        var models = difference.Models.Intersect(form.Models).ToList();
        var budget = difference.Budget is { } more && form.Raise.Contains("budget") ? more.After : new Budget(grant.BudgetMicros, grant.BudgetPeriod);
        var rate = difference.RequestsPerMinute is { } faster && form.Raise.Contains("rate") ? faster.After : grant.RequestsPerMinute;
        var end = difference.End is { } later && form.Raise.Contains("lifetime") ? later.After : grant.ExpiresAt;
        if (scopes.Count == 0 && models.Count == 0
            && (budget.Micros, budget.Period, rate, end) == (grant.BudgetMicros, grant.BudgetPeriod, grant.RequestsPerMinute, grant.ExpiresAt))
        {
            complaints.AddModelError(nameof(form.Scopes), "Allow at least one thing, or choose Deny.");
            return null;
        }

        if (grant.SponsorId is not null && scopes.Contains(request.Upstream.AccountScope))
        {
            complaints.AddModelError(nameof(form.Scopes), AccountOnCredit);
            return null;
        }

        return new ConsentAnswer(
            new Approval(request.UserId, request.App.Id, request.Upstream.Id, grant.UpstreamKeyId, [.. grant.ScopeList(), .. scopes])
            {
                SponsorId = grant.SponsorId,
                Models = grant.Models is null ? null : [.. grant.Models, .. models],
                BudgetMicros = budget.Micros,
                BudgetPeriod = budget.Period,
                RequestsPerMinute = rate,
                ExpiresAt = end,
                Earlier = grant,
            },
            null);
    }

    private static ConsentOutcome Again(ConsentRequest request, ModelStateDictionary complaints, string why)
    {
        complaints.Clear();
        complaints.AddModelError("", why);
        return new ConsentOutcome(null, ConsentForm.For(request));
    }

    private async Task<ChosenKey?> ReadKeyAsync(
        ConsentRequest request, ConsentForm form, ModelStateDictionary complaints, CancellationToken cancellationToken)
    {
        if (request.KeepsCarriedKey && form.KeyId == ConsentForm.CarriedKeyChoice)
        {
            return new ChosenKey(null, null, request.Earlier!.CarriedLastFour);
        }

        if (request.Credit.FirstOrDefault(offer => ConsentForm.CreditChoice(offer.SponsorId) == form.KeyId) is { } credit)
        {
            return new ChosenKey(null, null, null, credit.SponsorId);
        }

        if (form.KeyId != ConsentForm.NewKeyChoice)
        {
            var chosen = request.Keys.FirstOrDefault(k => k.Id.ToString() == form.KeyId);
            if (chosen is null)
            {
                complaints.AddModelError(nameof(form.KeyId), "Choose a key, or add one.");
            }

            return chosen is null ? null : new ChosenKey(chosen.Id, null, null);
        }

        if (!complaints.IsValid)
        {
            // Nothing is stored while the rest of the form has to be corrected.
            return null;
        }

        if (form.Keep == ConsentForm.NeverStored && !request.MayCarryKey)
        {
            complaints.AddModelError(nameof(form.NewKey), "A key for this app has to be stored. Give it again, or choose Deny.");
            return null;
        }

        var taken = await uploads.TakeAsync(request.Session, form.NewKey, cancellationToken);
        using var secret = taken.Key;
        if (secret is null)
        {
            complaints.AddModelError(nameof(form.NewKey), taken.Complaint ?? "The key was not taken.");
            return null;
        }

        if (form.Keep == ConsentForm.NeverStored)
        {
            var (carried, complaint) = await storeKey.CheckAsync(request.Upstream, secret, cancellationToken);
            if (carried is null)
            {
                complaints.AddModelError(nameof(form.NewKey), complaint ?? "The key was not taken.");
                return null;
            }

            return new ChosenKey(null, carried, UpstreamKeys.LastFourOf(carried));
        }

        var stored = await storeKey.RunAsync(request.UserId, request.Upstream, form.NewKeyLabel, secret, cancellationToken);
        if (stored.Key is null)
        {
            complaints.AddModelError(nameof(form.NewKey), stored.Complaint ?? "The key was not stored.");
        }

        return stored.Key is null ? null : new ChosenKey(stored.Key.Id, null, null);
    }

    /// <param name="Id">A stored key; null where it is not stored.</param>
    /// <param name="Carried">The key itself, where it was just given and is not stored.</param>
    /// <param name="LastFour">Of a key that is not stored.</param>
    /// <param name="SponsorId">With whom credit pays in place of a key of theirs.</param>
    private sealed record ChosenKey(Guid? Id, Secret? Carried, string? LastFour, Guid? SponsorId = null);
}
