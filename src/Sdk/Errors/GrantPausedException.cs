using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>The user paused this app (403 <c>grant_paused</c>). The connection stays; calls work again when the user resumes it in the portal.</summary>
public sealed class GrantPausedException : TokenBrokerException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="portalUrl">Where the user can mend it.</param>
    public GrantPausedException(string message, Uri? portalUrl = null)
        : base(new BrokerError("grant_paused", message, 403, PortalUrl: portalUrl), null)
    {
    }

    internal GrantPausedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
