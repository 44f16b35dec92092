using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>
/// Access has ended: the user revoked it, or it reached the end that the user chose. Found at the gateway (401
/// <c>grant_revoked</c>) or at the refresh (<c>invalid_grant</c>, RFC 6749 section 5.2; also reported as
/// <c>grant_revoked</c>). The connection has been removed; connecting again asks the user anew.
/// </summary>
public sealed class GrantRevokedException : ConsentRequiredException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="portalUrl">Where the user can mend it.</param>
    public GrantRevokedException(string message, Uri? portalUrl = null)
        : base(new BrokerError("grant_revoked", message, 401, PortalUrl: portalUrl), null)
    {
    }

    internal GrantRevokedException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }

    internal static GrantRevokedException AtRefresh() => new(
        new BrokerError("grant_revoked", $"Access to the AI account was ended or has run out. Send the user to {TokenBrokerDefaults.ConnectPath} to connect again.", 401),
        null);
}
