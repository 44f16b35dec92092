using OpenIddict.Abstractions;
using OpenIddict.Server;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.PushedRequests;

/// <summary>A pushed request gives one code: before it is made, the request is marked as answered, and only one answer can do that.</summary>
internal sealed class AnswerPushedRequest(PendingRequests pending) : IOpenIddictServerHandler<ProcessSignInContext>
{
    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType == OpenIddictServerEndpointType.Authorization
            && context.Request.RequestUri is { } requestUri
            && PendingRequests.IsOurs(requestUri)
            && !await pending.TryAnswerAsync(requestUri, context.CancellationToken))
        {
            context.Reject(OpenIddictConstants.Errors.InvalidRequest, "This request was answered before. Start a new authorization.");
        }
    }
}
