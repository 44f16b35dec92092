using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Accounts;

/// <summary>
/// Reads a personal token from the Authorization header, and from nowhere else: an address is logged, and a cookie
/// would let another site's page call the API in the person's name.
/// </summary>
internal sealed class ApiTokenAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, ApiTokens tokens)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "ApiToken";
    private const string Bearer = "Bearer ";
    private const int LongestToken = 200;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization;
        if (header.Count != 1 || header.ToString() is not { Length: < LongestToken } value || !value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.NoResult();
        }

        if (await tokens.FindAsync(value[Bearer.Length..].Trim(), Context.RequestAborted) is not { } holder)
        {
            return AuthenticateResult.Fail("The token is not known, or has expired.");
        }

        var identity = new ClaimsIdentity(SchemeName);
        identity.AddClaim(new Claim(ClaimTypes.NameIdentifier, holder.UserId.ToString()));
        if (holder.IsOperator)
        {
            identity.AddClaim(Operators.Claim());
        }

        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), SchemeName));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer realm=\"TokenBroker API\"";
        return ProblemAsync(StatusCodes.Status401Unauthorized, "Send a personal API token as 'Authorization: Bearer tbp_...'. Make one on the Security page.");
    }

    /// <summary>To who is not an operator, what is for operators is not there.</summary>
    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        ProblemAsync(StatusCodes.Status404NotFound, "There is nothing at this address, or it is not yours.");

    private Task ProblemAsync(int status, string detail) =>
        TypedResults.Problem(detail, statusCode: status).ExecuteAsync(Context);
}
