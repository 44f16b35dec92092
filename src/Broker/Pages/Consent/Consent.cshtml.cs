using System.Collections.Immutable;
using Microsoft.AspNetCore;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.RazorPages;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using TokenBroker.Accounts;
using TokenBroker.Authorization;
using TokenBroker.Authorization.Carriers;
using TokenBroker.Authorization.Details;
using TokenBroker.Grants;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Pages.Consent;

/// <summary>
/// The authorization endpoint's page (RFC 6749, section 3.1). OpenIddict has validated the request before it runs: a
/// bad client or redirect URI never gets here. The person sees who asks for what, narrows it, and answers; nothing is
/// granted without their post, except again to a confidential app that already holds a grant covering the request:
/// anybody can pose as a public client, and so its users are asked to go on.
/// </summary>
internal sealed class ConsentModel(
    PrepareConsent prepare, AnswerConsent answer, IssuedIdentity identity, IssueCarriers carriers, RecentSignIn recent, TimeProvider time) : PageModel
{
    /// <summary>
    /// Asks for the whole form where a short one would do. It is the page's own and no parameter of the request: what
    /// was pushed cannot be added to.
    /// </summary>
    public const string Everything = "everything";

    private const string Scheme = OpenIddictServerAspNetCoreDefaults.AuthenticationScheme;

    [BindProperty]
    public ConsentForm Form { get; set; } = new();

    public ConsentRequest Asked { get; private set; } = null!;

    public ConsentView View => new(Asked, Form);

    public OpenIddictRequest AuthorizationRequest => HttpContext.GetOpenIddictServerRequest()
        ?? throw new InvalidOperationException("The consent page was reached without an authorization request.");

    public async Task<IActionResult> OnGetAsync()
    {
        if (!prepare.CanAsk(AuthorizationRequest.GetScopes()))
        {
            return Refuse(Errors.InvalidScope, PrepareConsent.ScopeComplaint);
        }

        var silent = AuthorizationRequest.HasPromptValue(PromptValues.None);
        if (NeedsSignIn() is { } signIn)
        {
            return silent ? Refuse(Errors.LoginRequired, "Nobody is signed in.") : signIn;
        }

        await PrepareAsync();
        if (Asked.IsSuspended)
        {
            return Refuse(Errors.AccessDenied, ConsentRequest.SuspendedWords);
        }

        if (Asked is { Shape: ConsentShape.Confirm, Earlier: { } covering, App.ClientType: ClientTypes.Confidential })
        {
            return await SignInAsync(covering);
        }

        if (Asked.FullWords is { } full)
        {
            return silent ? Refuse(Errors.AccessDenied, full) : Show();
        }

        if (silent)
        {
            return Refuse(Errors.ConsentRequired, "The user must be asked.");
        }

        Form = ConsentForm.For(Asked);
        return Show();
    }

    public async Task<IActionResult> OnPostAsync()
    {
        if (!prepare.CanAsk(AuthorizationRequest.GetScopes()))
        {
            return Refuse(Errors.InvalidScope, PrepareConsent.ScopeComplaint);
        }

        if (HttpContext.CurrentSession() is null)
        {
            return SignInFirst();
        }

        await PrepareAsync();
        if (Asked.IsSuspended)
        {
            return Refuse(Errors.AccessDenied, ConsentRequest.SuspendedWords);
        }

        if (Form.Decision != ConsentForm.Approve)
        {
            await answer.DenyAsync(Asked, HttpContext.RequestAborted);
            return Refuse(Errors.AccessDenied, Asked.FullWords ?? "The user did not allow it.");
        }

        (var grant, Form, var carried) = await answer.AllowAsync(Asked, Form, ModelState, HttpContext.RequestAborted);
        if (grant is null)
        {
            return Show();
        }

        if (carried is not null)
        {
            carriers.Hold(grant.Id, carried);
        }

        return await SignInAsync(grant);
    }

    private async Task PrepareAsync() => Asked = await prepare.RunAsync(
        new AppAsk(AuthorizationRequest.ClientId!, AuthorizationRequest.GetScopes(), new Uri(AuthorizationRequest.RedirectUri!))
        {
            Details = (string?)AuthorizationRequest[ModelAccess.Parameter],
            Anew = AuthorizationRequest.HasPromptValue(PromptValues.Consent) || Request.Query[Everything] == "1",
        },
        HttpContext);

    /// <summary>A sign-in where there is none, or where the app asks for a fresh one.</summary>
    private RedirectResult? NeedsSignIn()
    {
        if (HttpContext.CurrentSession() is null)
        {
            return SignInFirst();
        }

        var tooOld = (AuthorizationRequest.HasPromptValue(PromptValues.Login) && !recent.Holds(HttpContext, TimeSpan.FromMinutes(1)))
            || (AuthorizationRequest.MaxAge is { } age && !recent.Holds(HttpContext, TimeSpan.FromSeconds(Math.Max(age, 30))));
        return tooOld
            ? Redirect(RecentSignIn.SignInUrl(RequestParameters.ToLocalUrl(AuthorizationRequest, withoutPrompt: true)))
            : null;
    }

    private RedirectResult SignInFirst() =>
        Redirect("/sign-in?returnUrl=" + Uri.EscapeDataString(RequestParameters.ToLocalUrl(AuthorizationRequest, withoutPrompt: false)));

    private PageResult Show()
    {
        HttpContext.AllowFormRedirectTo(Asked.ReturnsTo!);
        return Page();
    }

    /// <summary>
    /// The code gives what was asked for, as far as it is granted. With <c>include_granted_scopes=true</c> it gives all
    /// that is: an app that asked for a difference goes on with one token.
    /// </summary>
    private async Task<IActionResult> SignInAsync(Grant grant)
    {
        var granted = grant.ScopeList();
        var all = (string?)AuthorizationRequest["include_granted_scopes"] == "true";
        var scopes = (all ? granted : Asked.Scopes.Intersect(granted)).ToImmutableArray();
        var left = grant.ExpiresAt - time.GetUtcNow().UtcDateTime;
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
