using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Connections;

namespace TokenBroker.Sdk.Connecting;

/// <summary>
/// The authorization code flow with PKCE S256 (RFC 6749, 7636, 9700), as a browser walks it. The answer is believed only
/// where this browser began the connect (state in a sealed cookie), the same user of the app finishes it, and the broker
/// names itself in <c>iss</c> (RFC 9207). The user's tokens never pass through the browser.
/// </summary>
internal sealed class ConnectFlow(
    IOptions<TokenBrokerOptions> options,
    BrokerClient broker,
    AccessTokens tokens,
    CurrentUser currentUser,
    AppCookies cookies,
    ILogger<ConnectFlow> logger)
{
    /// <summary>Sends the browser to the consent page.</summary>
    public async Task<IResult> StartAsync(HttpContext http)
    {
        if (await ReturnUrlAsync(http) is not { } returnUrl)
        {
            return BadReturnUrl();
        }

        BrokerMetadata server;
        try
        {
            server = await broker.DiscoverAsync(http.RequestAborted);
        }
        catch (TokenBrokerException exception)
        {
            return Failed(returnUrl, exception.Code, exception);
        }

        var pending = cookies.StartConnect(http, returnUrl, RedirectUri(http), currentUser.UserId(http));
        return SeeOther(QueryHelpers.AddQueryString(server.AuthorizationEndpoint.AbsoluteUri, new Dictionary<string, string?>(StringComparer.Ordinal)
        {
            ["response_type"] = "code",
            ["client_id"] = options.Value.ClientId,
            ["redirect_uri"] = pending.RedirectUri,
            ["scope"] = string.Join(' ', options.Value.Scopes),
            ["state"] = pending.State,
            ["code_challenge"] = Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(pending.Verifier))),
            ["code_challenge_method"] = "S256",
        }));
    }

    /// <summary>Takes the broker's answer, gets the tokens and keeps them.</summary>
    public async Task<IResult> CompleteAsync(HttpContext http)
    {
        var answer = http.Request.Query;

        // 1. Did this browser begin it, and not long ago?
        if (answer["state"] is not [{ Length: > 0 } state] || cookies.TakeConnect(http, state) is not { } pending)
        {
            return Results.Text("This connect was not begun in this browser, was finished already, or took longer than 15 minutes. Go back to the app and connect again.", statusCode: StatusCodes.Status400BadRequest);
        }

        try
        {
            // 2. Does it come from the broker that was asked (RFC 9207), and to the user who asked?
            var server = await broker.DiscoverAsync(http.RequestAborted);
            if (answer["iss"] is not [{ } issuer] || !string.Equals(issuer, server.Issuer, StringComparison.Ordinal)
                || !string.Equals(currentUser.UserId(http), pending.UserId, StringComparison.Ordinal))
            {
                return Failed(pending.ReturnUrl, "invalid_response");
            }

            // 3. Did the user say yes?
            if (answer["error"] is [{ } error, ..])
            {
                return Failed(pending.ReturnUrl, error.Length <= 40 && error.All(c => char.IsAsciiLetterLower(c) || c == '_') ? error : "server_error");
            }

            if (answer["code"] is not [{ Length: > 0 } code])
            {
                return Failed(pending.ReturnUrl, "invalid_response");
            }

            // 4. Code for tokens. An earlier connection is replaced, not revoked: the broker may have renewed that same grant.
            var received = await broker.ExchangeCodeAsync(code, pending, http.RequestAborted);
            var connectionId = pending.UserId is { } user
                ? currentUser.UserConnection(user)
                : currentUser.BrowserConnection(cookies.StartBrowser(http));
            await tokens.ConnectAsync(connectionId, received, CancellationToken.None);
            return SeeOther(pending.ReturnUrl);
        }
        catch (TokenBrokerException exception)
        {
            return Failed(pending.ReturnUrl, exception.Code, exception);
        }
    }

    /// <summary>Revokes the grant and drops the tokens.</summary>
    public async Task<IResult> EndAsync(HttpContext http)
    {
        if (await ReturnUrlAsync(http) is not { } returnUrl)
        {
            return BadReturnUrl();
        }

        var revoked = currentUser.Connection(http) is not { } connectionId || await tokens.DisconnectAsync(connectionId, http.RequestAborted);
        cookies.EndBrowser(http);
        return revoked ? SeeOther(returnUrl) : Failed(returnUrl, "revocation_failed");
    }

    private string RedirectUri(HttpContext http) => options.Value.RedirectUri?.OriginalString
        ?? $"{http.Request.Scheme}://{http.Request.Host}{http.Request.PathBase}{TokenBrokerDefaults.CallbackPath}";

    private async Task<string?> ReturnUrlAsync(HttpContext http)
    {
        string? asked = http.Request.Query["returnUrl"];
        if (asked is null && http.Request.HasFormContentType)
        {
            asked = (await http.Request.ReadFormAsync(http.RequestAborted))["returnUrl"];
        }

        asked ??= options.Value.DefaultReturnUrl ?? http.Request.PathBase + "/";
        return LocalUrl.ToHeader(asked);
    }

    private SeeOtherResult Failed(string returnUrl, string code, TokenBrokerException? exception = null)
    {
        logger.LogWarning("Connecting or disconnecting an account failed: {Code}. {Detail}", code, exception?.Message);
        return SeeOther(QueryHelpers.AddQueryString(returnUrl, TokenBrokerDefaults.ErrorParameter, code));
    }

    private static IResult BadReturnUrl() =>
        Results.Text("returnUrl must be a path of this app, for example /chat.", statusCode: StatusCodes.Status400BadRequest);

    private static SeeOtherResult SeeOther(string location) => new(location);

    /// <summary>303, so that a browser never carries a POST on to the next page (RFC 9700 section 4.12).</summary>
    private sealed class SeeOtherResult(string location) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            httpContext.Response.StatusCode = StatusCodes.Status303SeeOther;
            httpContext.Response.Headers.Location = location;
            return Task.CompletedTask;
        }
    }
}
