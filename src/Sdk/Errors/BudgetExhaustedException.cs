using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>The budget that the user gave this app is used up (402 <c>budget_exhausted</c>). The user can raise it at <see cref="TokenBrokerException.PortalUrl"/>. Never retried.</summary>
public sealed class BudgetExhaustedException : TokenBrokerException
{
    internal BudgetExhaustedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
