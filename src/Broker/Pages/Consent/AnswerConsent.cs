using Microsoft.AspNetCore.Mvc.ModelBinding;
using TokenBroker.Grants;
using TokenBroker.Pages.Keys;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Pages.Consent;

/// <summary>
/// Takes a person's answer: reads the form against what was asked, stores a new key where one is given, and writes
/// the grant. The form is believed in what it takes away and never in what it adds: scopes are those that were asked
/// for, keys the person's own. What is wrong with it is said field by field, and then nothing is granted or stored.
/// </summary>
internal sealed class AnswerConsent(ApproveGrant approve, StoreKey storeKey, ConsentRecord record)
{
    /// <returns>The grant; null where the form has to be shown again, with its complaints.</returns>
    public async Task<Grant?> AllowAsync(
        ConsentRequest request, ConsentForm form, ModelStateDictionary complaints, CancellationToken cancellationToken)
    {
        foreach (var (field, complaint) in form.Complaints())
        {
            complaints.AddModelError(field, complaint);
        }

        var allowed = ReadScopes(request, form, complaints);
        var keyId = await ReadKeyAsync(request, form, complaints, cancellationToken);
        form.NewKey = null;
        if (!complaints.IsValid || keyId is null)
        {
            return null;
        }

        Money.TryRead(form.Budget, out var budget);
        return await approve.RunAsync(
            new Approval(request.UserId, request.App.Id, request.Upstream.Id, keyId.Value, allowed, form.ChosenModels, budget, form.Lifetime!.Value),
            cancellationToken);
    }

    public Task DenyAsync(ConsentRequest request, CancellationToken cancellationToken) =>
        record.DeniedAsync(request.UserId, request.App.Id, cancellationToken);

    private static List<string> ReadScopes(ConsentRequest request, ConsentForm form, ModelStateDictionary complaints)
    {
        var allowed = request.Capabilities
            .Where(asked => !asked.IsOptional || form.Scopes.Contains(asked.Capability.Scope))
            .Select(asked => asked.Capability.Scope)
            .ToList();
        if (allowed.Count == 0)
        {
            complaints.AddModelError(nameof(form.Scopes), "Allow at least one thing, or choose Deny.");
        }

        return [.. allowed, .. request.IdentityScopes.Where(scope => IsFixed(scope) || form.Scopes.Contains(scope))];
    }

    private async Task<Guid?> ReadKeyAsync(
        ConsentRequest request, ConsentForm form, ModelStateDictionary complaints, CancellationToken cancellationToken)
    {
        if (form.KeyId != ConsentForm.NewKeyChoice)
        {
            var chosen = request.Keys.FirstOrDefault(k => k.Id.ToString() == form.KeyId);
            if (chosen is null)
            {
                complaints.AddModelError(nameof(form.KeyId), "Choose a key, or add one.");
            }

            return chosen?.Id;
        }

        if (!complaints.IsValid)
        {
            // Nothing is stored while the rest of the form has to be corrected.
            return null;
        }

        var stored = await storeKey.RunAsync(request.UserId, request.Upstream, form.NewKeyLabel, form.NewKey, cancellationToken);
        if (stored.Key is null)
        {
            complaints.AddModelError(nameof(form.NewKey), stored.Complaint ?? "The key was not stored.");
        }

        return stored.Key?.Id;
    }

    /// <summary>What identity scopes say nothing about the person, and so are not theirs to untick.</summary>
    private static bool IsFixed(string scope) => scope is Scopes.OpenId or Scopes.OfflineAccess;
}
