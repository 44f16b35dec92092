using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Apps.Review;
using TokenBroker.Authorization;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Pages.Keys;
using TokenBroker.Storage;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Pages.Consent;

/// <summary>
/// The authorization endpoint's page (RFC 6749, section 3.1). OpenIddict has validated the request before it runs: a
/// bad client or redirect URI never gets here. The person sees who asks for what, narrows it, and answers; nothing is
/// granted without their post, except again to a confidential app that already holds a grant covering the request.
/// </summary>
internal sealed class ConsentModel(
    BrokerDbContext db, Catalogue catalogue, ApproveGrant approve, StoreKey storeKey, IssuedIdentity identity, ConsentRecord record) : PageModel
{
    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    [BindProperty]
    public ConsentForm Form { get; set; } = new();

    public App App { get; private set; } = null!;

    public Upstream Upstream { get; private set; } = null!;

    public OpenIddictRequest AuthorizationRequest { get; private set; } = null!;

    public IReadOnlyList<Capability> Capabilities { get; private set; } = [];

    public IReadOnlyList<UpstreamKey> Keys { get; private set; } = [];

    /// <summary>The app may not have one more person: the page says so in place of the form.</summary>
    public bool IsFull { get; private set; }

    public TesterLimit Testers => HttpContext.RequestServices.GetRequiredService<TesterLimit>();

    public Uri RedirectUri => new(AuthorizationRequest.RedirectUri!);

    public string Email => HttpContext.CurrentSession()?.Email ?? "";

    public bool Asks(string scope) => AuthorizationRequest.GetScopes().Contains(scope);

    public async Task<IActionResult> OnGetAsync()
    {
        if (await PrepareAsync() is { } refusal)
        {
            return refusal;
        }

        var silent = AuthorizationRequest.HasPromptValue(PromptValues.None);
        if (NeedsSignIn() is { } signIn)
        {
            return silent ? Refuse(Errors.LoginRequired, "Nobody is signed in.") : signIn;
        }

        var userId = HttpContext.UserId();
        var earlier = await EarlierGrantAsync(userId);
        if (!AuthorizationRequest.HasPromptValue(PromptValues.Consent) && earlier is not null && Covers(earlier))
        {
            return await SignInAsync(earlier);
        }

        if (await IsFullAsync(userId))
        {
            return silent ? Refuse(Errors.AccessDenied, Testers.Words) : Show();
        }

        if (silent)
        {
            return Refuse(Errors.ConsentRequired, "The user must be asked.");
        }

        await LoadKeysAsync(userId);
        Form = ConsentForm.Of(earlier, Upstream.SuggestedModels);
        Form.Scopes = [.. Capabilities.Select(c => c.Scope), .. IdentityScopesAsked()];
        Form.KeyId ??= Keys.Count > 0 ? Keys[^1].Id.ToString() : ConsentForm.NewKeyChoice;
        return Show();
    }

    public async Task<IActionResult> OnPostAsync()
    {
        if (await PrepareAsync() is { } refusal)
        {
            return refusal;
        }

        if (HttpContext.CurrentSession() is null)
        {
            return Redirect("/sign-in?returnUrl=" + Uri.EscapeDataString(RequestParameters.ToLocalUrl(AuthorizationRequest, withoutPrompt: false)));
        }

        var userId = HttpContext.UserId();
        if (Form.Decision != "approve")
        {
            await record.DeniedAsync(userId, App.Id, HttpContext.RequestAborted);
            return Refuse(Errors.AccessDenied, await IsFullAsync(userId) ? Testers.Words : "The user did not allow it.");
        }

        if (await IsFullAsync(userId))
        {
            return Show();
        }

        await LoadKeysAsync(userId);
        if (await ReadAnswerAsync(userId) is not { } approval)
        {
            Form.NewKey = null;
            return Show();
        }

        if ((await approve.RunAsync(approval, HttpContext.RequestAborted)).GrantId is not { } grantId)
        {
            IsFull = true;
            return Show();
        }

        var grant = await db.Grants.AsNoTracking().SingleAsync(g => g.Id == grantId, HttpContext.RequestAborted);
        return await SignInAsync(grant);
    }

    private async Task<bool> IsFullAsync(Guid userId) =>
        IsFull = !await Testers.HasRoomAsync(App.Id, userId, HttpContext.RequestAborted);

    private async Task<IActionResult?> PrepareAsync()
    {
        AuthorizationRequest = HttpContext.GetOpenIddictServerRequest()
            ?? throw new InvalidOperationException("The consent page was reached without an authorization request.");
        if (catalogue.OfScopes(AuthorizationRequest.GetScopes()) is not { } upstream)
        {
            return Refuse(Errors.InvalidScope, "Ask for at least one scope of exactly one provider, such as 'openai:chat'.");
        }

        Upstream = upstream;
        Capabilities = RequestParameters.Capabilities(AuthorizationRequest, upstream);
        App = await db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == AuthorizationRequest.ClientId, HttpContext.RequestAborted);
        return null;
    }

    /// <summary>A sign-in where there is none, or where the app asks for a fresh one.</summary>
    private RedirectResult? NeedsSignIn()
    {
        var recent = HttpContext.RequestServices.GetRequiredService<RecentSignIn>();
        if (HttpContext.CurrentSession() is null)
        {
            return Redirect("/sign-in?returnUrl=" + Uri.EscapeDataString(RequestParameters.ToLocalUrl(AuthorizationRequest, withoutPrompt: false)));
        }

        var tooOld = (AuthorizationRequest.HasPromptValue(PromptValues.Login) && !recent.Holds(HttpContext, TimeSpan.FromMinutes(1)))
            || (AuthorizationRequest.MaxAge is { } age && !recent.Holds(HttpContext, TimeSpan.FromSeconds(Math.Max(age, 30))));
        return tooOld
            ? Redirect(RecentSignIn.SignInUrl(RequestParameters.ToLocalUrl(AuthorizationRequest, withoutPrompt: true)))
            : null;
    }

    private Task<Grant?> EarlierGrantAsync(Guid userId) => db.Grants.AsNoTracking().FirstOrDefaultAsync(
        g => g.UserId == userId && g.ApplicationId == App.Id && g.UpstreamId == Upstream.Id && g.Status == Statuses.Valid,
        HttpContext.RequestAborted);

    /// <summary>Whether a grant allows all that is asked for, to an app that proves who it is. Anybody can pose as a public client.</summary>
    private bool Covers(Grant grant) =>
        App.ClientType == ClientTypes.Confidential
        && grant.UpstreamKeyId is not null
        && grant.PausedAt is null
        && grant.ExpiresAt > HttpContext.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime
        && AuthorizationRequest.GetScopes().All(ScopesOf(grant).Contains);

    private async Task<Approval?> ReadAnswerAsync(Guid userId)
    {
        foreach (var (field, complaint) in Form.Complaints())
        {
            ModelState.AddModelError(field, complaint);
        }

        // What is no number at all failed before, under the name that the form gives it.
        if (ModelState[$"{nameof(Form)}.{nameof(Form.LifetimeDays)}"] is { Errors.Count: > 0 })
        {
            ModelState.AddModelError(nameof(Form.LifetimeDays), ConsentForm.LifetimeComplaint);
        }

        var allowed = Capabilities.Select(c => c.Scope).Intersect(Form.Scopes).ToList();
        if (allowed.Count == 0)
        {
            ModelState.AddModelError(nameof(Form.Scopes), "Allow at least one thing, or choose Deny.");
        }

        var keyId = await ReadKeyAsync(userId);
        if (!ModelState.IsValid || keyId is null)
        {
            return null;
        }

        Money.TryRead(Form.Budget, out var budget);
        IReadOnlyList<string> scopes = [.. allowed, .. IdentityScopesAsked().Where(s => IsFixed(s) || Form.Scopes.Contains(s))];
        return new Approval(userId, App.Id, Upstream.Id, keyId.Value, scopes, Form.ChosenModels, budget, Form.Lifetime);
    }

    private async Task<Guid?> ReadKeyAsync(Guid userId)
    {
        if (Form.KeyId != ConsentForm.NewKeyChoice)
        {
            var chosen = Keys.FirstOrDefault(k => k.Id.ToString() == Form.KeyId);
            if (chosen is null)
            {
                ModelState.AddModelError(nameof(Form.KeyId), "Choose a key, or add one.");
            }

            return chosen?.Id;
        }

        if (!ModelState.IsValid)
        {
            // Nothing is stored while the rest of the form has to be corrected.
            return null;
        }

        var stored = await storeKey.RunAsync(userId, Upstream, Form.NewKeyLabel, Form.NewKey, HttpContext.RequestAborted);
        if (stored.Key is null)
        {
            ModelState.AddModelError(nameof(Form.NewKey), stored.Complaint ?? "The key was not stored.");
        }

        return stored.Key?.Id;
    }

    private async Task LoadKeysAsync(Guid userId) =>
        Keys = await db.UpstreamKeys.AsNoTracking()
            .Where(k => k.UserId == userId && k.UpstreamId == Upstream.Id)
            .OrderBy(k => k.CreatedAt)
            .ToListAsync(HttpContext.RequestAborted);

    private IEnumerable<string> IdentityScopesAsked() => Catalogue.IdentityScopes.Where(Asks);

    /// <summary>What identity scopes say nothing about the person, and so are not theirs to untick.</summary>
    private static bool IsFixed(string scope) => scope is Scopes.OpenId or Scopes.OfflineAccess;

    private static string[] ScopesOf(Grant grant) => JsonSerializer.Deserialize<string[]>(grant.Scopes ?? "[]") ?? [];

    private PageResult Show()
    {
        HttpContext.AllowFormRedirectTo(RedirectUri);
        return Page();
    }

    private async Task<IActionResult> SignInAsync(Grant grant)
    {
        var scopes = AuthorizationRequest.GetScopes().Intersect(ScopesOf(grant)).ToImmutableArray();
        var left = grant.ExpiresAt - HttpContext.RequestServices.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime;
        return SignIn(await identity.MakeAsync(grant, scopes, left, HttpContext.RequestAborted), Scheme);
    }

    private ForbidResult Refuse(string error, string description) => Forbid(
        new AuthenticationProperties(new Dictionary<string, string?>
        {
            [OpenIddictServerAspNetCoreConstants.Properties.Error] = error,
            [OpenIddictServerAspNetCoreConstants.Properties.ErrorDescription] = description,
        }),
        Scheme);
}
