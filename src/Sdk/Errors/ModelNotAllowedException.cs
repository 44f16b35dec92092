using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>The user did not allow this model for this app (403 <c>model_not_allowed</c>). Offer those that the models endpoint lists.</summary>
public sealed class ModelNotAllowedException : TokenBrokerException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="portalUrl">Where the user can mend it.</param>
    public ModelNotAllowedException(string message, Uri? portalUrl = null)
        : base(new BrokerError("model_not_allowed", message, 403, PortalUrl: portalUrl), null)
    {
    }

    internal ModelNotAllowedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
