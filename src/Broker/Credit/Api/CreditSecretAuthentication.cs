using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Credit.Api;

/// <summary>Reads a sponsor's secret from the Authorization header, and from nowhere else. It speaks for a sponsor, never for a person.</summary>
internal sealed class CreditSecretAuthentication(
    IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder, CreditSecrets secrets)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    public const string SchemeName = "CreditSecret";
    private const string Bearer = "Bearer ";
    private const int LongestSecret = 200;

    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization;
        if (header.Count != 1 || header.ToString() is not { Length: < LongestSecret } value || !value.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return AuthenticateResult.NoResult();
        }

        if (await secrets.FindAsync(value[Bearer.Length..].Trim(), Context.RequestAborted) is not { } secret)
        {
            return AuthenticateResult.Fail("The secret is not known, or was revoked.");
        }

        await secrets.UseAsync(secret, Context.RequestAborted);
        Context.Features.Set(secret);
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(new ClaimsIdentity(SchemeName)), SchemeName));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers[HeaderNames.WWWAuthenticate] = "Bearer realm=\"TokenBroker credit\"";
        return TypedResults.Problem("Send a secret for top-ups as 'Authorization: Bearer tbc_...'. The app's owner makes one on the app's page.", statusCode: StatusCodes.Status401Unauthorized)
            .ExecuteAsync(Context);
    }
}
