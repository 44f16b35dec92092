using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Mvc.Filters;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Accounts;

/// <summary>
/// What a thief of an open browser must not do asks for a fresh sign-in. Signing in again starts a new session, so
/// the session's own start is the time of the sign-in.
/// </summary>
internal sealed class RecentSignIn(IOptions<AccountsOptions> options, TimeProvider time)
{
    /// <param name="context">The request.</param>
    /// <param name="within">How fresh; <see cref="AccountsOptions.RecentSignIn"/> if not given.</param>
    public bool Holds(HttpContext context, TimeSpan? within = null) =>
        context.CurrentSession() is { } session
        && time.GetUtcNow().UtcDateTime - session.SignedInAt <= (within ?? options.Value.RecentSignIn);

    /// <summary>Where to send a person whose sign-in is too old.</summary>
    /// <param name="returnUrl">A local address that can be opened with GET.</param>
    public static string SignInUrl(string returnUrl) =>
        "/sign-in?reauth=1&returnUrl=" + Uri.EscapeDataString(returnUrl);
}

/// <summary>Put on a page model: every handler then needs a recent sign-in.</summary>
[AttributeUsage(AttributeTargets.Class)]
internal sealed class RequireRecentSignInAttribute : Attribute, IAsyncPageFilter
{
    /// <summary>Where to go after the sign-in; the page's own address if not given.</summary>
    public string? ReturnTo { get; set; }

    public Task OnPageHandlerSelectionAsync(PageHandlerSelectedContext context) => Task.CompletedTask;

    public Task OnPageHandlerExecutionAsync(PageHandlerExecutingContext context, PageHandlerExecutionDelegate next)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(next);
        var http = context.HttpContext;
        if (http.RequestServices.GetRequiredService<RecentSignIn>().Holds(http))
        {
            return next();
        }

        var url = RecentSignIn.SignInUrl(ReturnTo ?? http.Request.Path + http.Request.QueryString);
        var forScript = http.Request.Headers[HeaderNames.Accept].ToString()
            .StartsWith("application/json", StringComparison.OrdinalIgnoreCase);
        context.Result = forScript
            ? new JsonResult(new { signIn = url }) { StatusCode = StatusCodes.Status401Unauthorized }
            : new RedirectResult(url);
        return Task.CompletedTask;
    }
}
