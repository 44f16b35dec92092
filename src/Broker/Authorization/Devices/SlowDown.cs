using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Devices;

/// <summary>
/// Answers a device that polls too fast, before its code is looked at: whether somebody approved it meanwhile is learnt
/// by waiting. Of many polls at a time one goes on. Another app that has the code learns nothing and slows nobody down.
/// </summary>
internal sealed class SlowDown(Polling polling) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.Token
            || context.Principal?.HasTokenType(OpenIddictConstants.TokenTypeIdentifiers.Private.DeviceCode) != true
            || !Guid.TryParse(context.TokenId, out var id))
        {
            return default;
        }

        if (context.Request?.ClientId is not { } client || !context.Principal.HasPresenter(client))
        {
            context.Reject(OpenIddictConstants.Errors.InvalidGrant, "The device code was issued to another app.");
        }
        else if (polling.IsTooFast(id))
        {
            context.Reject(OpenIddictConstants.Errors.SlowDown, "You ask too often. Wait five seconds longer than before between requests.");
        }

        return default;
    }
}
