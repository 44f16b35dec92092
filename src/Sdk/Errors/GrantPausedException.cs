using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>The user paused this app (403 <c>grant_paused</c>). The connection stays; calls work again when the user resumes it in the portal.</summary>
public sealed class GrantPausedException : TokenBrokerException
{
    internal GrantPausedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
