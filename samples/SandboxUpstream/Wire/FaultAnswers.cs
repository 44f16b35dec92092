using System.Text;
using TokenBroker.Samples.SandboxUpstream.Provider;

namespace TokenBroker.Samples.SandboxUpstream.Wire;

/// <summary>The faults that strike before the operation runs: those that take its place, and those that add headers.</summary>
internal static class FaultAnswers
{
    private const string EdgePage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n</body>\r\n</html>\r\n";

    /// <summary>Answers in place of the operation; false when the operation is to run.</summary>
    public static async Task<bool> TryAnswerAsync(Call call)
    {
        AddHeaders(call);
        var fault = call.Find(
            FaultKind.Unauthorized, FaultKind.UnauthorizedFull, FaultKind.ForbiddenScopes, FaultKind.ForbiddenCountry,
            FaultKind.RateLimited, FaultKind.InsufficientQuota, FaultKind.ServerError, FaultKind.Unavailable,
            FaultKind.HtmlError, FaultKind.Redirect, FaultKind.Stall, FaultKind.DropBefore);
        switch (fault?.Kind)
        {
            case null:
                return false;
            case FaultKind.Stall:
                await call.StallAsync();
                break;
            case FaultKind.DropBefore:
                throw new BrokenOffException();
            case FaultKind.Redirect:
                call.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
                call.Response.Headers.Location = fault.Location.AbsoluteUri;
                await call.AnswerAsync(ReadOnlyMemory<byte>.Empty, "text/plain");
                break;
            case FaultKind.HtmlError:
                call.Response.StatusCode = StatusCodes.Status502BadGateway;
                await call.AnswerAsync(Encoding.UTF8.GetBytes(EdgePage), "text/html");
                break;
            default:
                await call.RefuseAsync(ErrorOf(fault, call));
                break;
        }

        return true;
    }

    private static ProviderError ErrorOf(Fault fault, Call call)
    {
        var key = call.Recording.Key ?? "";
        switch (fault.Kind)
        {
            case FaultKind.Unauthorized:
                return ProviderErrors.IncorrectKey(Keys.Quote(key));
            case FaultKind.UnauthorizedFull:
                return ProviderErrors.IncorrectKey(key);
            case FaultKind.ForbiddenScopes:
                return ProviderErrors.MissingScopes("model.request");
            case FaultKind.ForbiddenCountry:
                return ProviderErrors.UnsupportedCountry;
            case FaultKind.InsufficientQuota:
                return ProviderErrors.InsufficientQuota;
            case FaultKind.RateLimited:
                ProviderHeaders.Exhaust(call, fault.RetryAfter);
                return ProviderErrors.RateLimited(fault.RetryAfter);
            case FaultKind.Unavailable:
                ProviderHeaders.RetryAfter(call, fault.RetryAfter);
                return ProviderErrors.Overloaded;
            default:
                return ProviderErrors.ServerError;
        }
    }

    private static void AddHeaders(Call call)
    {
        var headers = call.Response.Headers;
        if (call.Find(FaultKind.EchoKeyHeader) is not null)
        {
            headers["x-sandbox-echo"] = $"called with {call.Recording.Key}";
        }

        if (call.Find(FaultKind.HugeHeader) is not null)
        {
            headers["x-sandbox-huge"] = new string('h', 32 * 1024);
        }

        if (call.Find(FaultKind.SetCookie) is not null)
        {
            headers.Append("set-cookie", "theme_id=sandbox; Path=/; Domain=.openai.com; HttpOnly; Secure; SameSite=None");
            headers.Append("set-cookie", "theme=dark; Path=/");
        }
    }
}
