using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>
/// The user did not grant what the call needs (403 <c>insufficient_scope</c>, RFC 6750 section 3.1). Add the scope to
/// <see cref="TokenBrokerOptions.Scopes"/> and connect again, or do without: see <see cref="GrantInfo.Scopes"/>.
/// </summary>
public sealed class InsufficientScopeException : TokenBrokerException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="portalUrl">Where the user can mend it.</param>
    public InsufficientScopeException(string message, Uri? portalUrl = null)
        : base(new BrokerError("insufficient_scope", message, 403, PortalUrl: portalUrl), null)
    {
    }

    internal InsufficientScopeException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }
}
