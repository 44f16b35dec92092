using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>The user did not allow this model for this app (403 <c>model_not_allowed</c>). Offer those that the models endpoint lists.</summary>
public sealed class ModelNotAllowedException : TokenBrokerException
{
    internal ModelNotAllowedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
