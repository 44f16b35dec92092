using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>The budget that the user gave this app is used up (402 <c>budget_exhausted</c>). The user can raise it at <see cref="TokenBrokerException.PortalUrl"/>. Never retried.</summary>
public sealed class BudgetExhaustedException : TokenBrokerException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="portalUrl">Where the user can mend it.</param>
    public BudgetExhaustedException(string message, Uri? portalUrl = null)
        : base(new BrokerError("budget_exhausted", message, 402, PortalUrl: portalUrl), null)
    {
    }

    internal BudgetExhaustedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
