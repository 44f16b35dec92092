using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Devices;

/// <summary>
/// Answers a device that polls too fast, before its code is looked at: whether somebody approved it meanwhile is learnt
/// by waiting. Of many polls at a time one goes on.
/// </summary>
internal sealed class SlowDown(Polling polling) : IOpenIddictServerHandler<ValidateTokenContext>
{
    public ValueTask HandleAsync(ValidateTokenContext context)
    {
        if (context.EndpointType == OpenIddictServerEndpointType.Token
            && context.Principal?.HasTokenType(OpenIddictConstants.TokenTypeIdentifiers.Private.DeviceCode) == true
            && Guid.TryParse(context.TokenId, out var id)
            && polling.IsTooFast(id))
        {
            context.Reject(OpenIddictConstants.Errors.SlowDown, "You ask too often. Wait five seconds longer than before between requests.");
        }

        return default;
    }
}
