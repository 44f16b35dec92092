using Microsoft.AspNetCore.Identity;

namespace TokenBroker.Accounts.Passkeys;

/// <summary>
/// The page that ran a passkey ceremony must be this host's own, over https (or http on loopback), in no frame.
/// Identity's default asks the request's Origin header, which is "null" for a form under our Referrer-Policy.
/// </summary>
internal static class PasskeyOrigin
{
    public static ValueTask<bool> IsOwn(PasskeyOriginValidationContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var request = context.HttpContext.Request;
        var own = !context.CrossOrigin
            && string.IsNullOrEmpty(context.TopOrigin)
            && Uri.TryCreate(context.Origin, UriKind.Absolute, out var origin)
            && (origin.Scheme == Uri.UriSchemeHttps || (origin.Scheme == Uri.UriSchemeHttp && origin.IsLoopback))
            && Uri.TryCreate($"{origin.Scheme}://{request.Host}", UriKind.Absolute, out var expected)
            && string.Equals(origin.Authority, expected.Authority, StringComparison.OrdinalIgnoreCase);
        return ValueTask.FromResult(own);
    }
}
