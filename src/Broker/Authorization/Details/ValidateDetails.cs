using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Details;

/// <summary>
/// Refuses <c>authorization_details</c> that are not acceptable, wherever they are sent (RFC 9396, section 5). At the
/// authorization endpoint that is after the client and its redirect URI are known to be right, so that the app hears
/// of it; what was pushed comes by here a second time, with what was pushed.
/// </summary>
internal sealed class ValidateDetails(ModelAccessReader reader) :
    IOpenIddictServerHandler<HandleAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidatePushedAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>,
    IOpenIddictServerHandler<ValidateTokenRequestContext>
{
    public ValueTask HandleAsync(HandleAuthorizationRequestContext context) => Check(context, context.Request);

    public ValueTask HandleAsync(ValidatePushedAuthorizationRequestContext context) => Check(context, context.Request);

    public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context) => Check(context, context.Request);

    /// <summary>A code and a refresh token give what was granted, no more and no less (section 6 leaves it open to ask for less).</summary>
    public ValueTask HandleAsync(ValidateTokenRequestContext context)
    {
        if (context.Request.HasParameter(ModelAccess.Parameter)
            && (context.Request.IsAuthorizationCodeGrantType() || context.Request.IsRefreshTokenGrantType() || context.Request.IsDeviceCodeGrantType()))
        {
            context.Reject(ModelAccess.Error, "The user's answer decides what is granted. Leave 'authorization_details' out of the token request.");
        }

        return default;
    }

    private ValueTask Check(BaseValidatingContext context, OpenIddictRequest request)
    {
        if (request.GetParameter(ModelAccess.Parameter) is { } parameter)
        {
            // A parameter that is given twice reads as no text.
            var (_, complaint) = (string?)parameter is { } json ? reader.Read(json, request.GetScopes()) : (null, "Give it once, as JSON.");
            if (complaint is not null)
            {
                context.Reject(ModelAccess.Error, $"The parameter 'authorization_details' is not acceptable. {complaint}");
            }
        }

        return default;
    }
}
