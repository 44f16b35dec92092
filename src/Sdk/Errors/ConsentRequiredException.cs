using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>
/// The user has to connect their account: they never did, or access has ended (<see cref="GrantRevokedException"/>). Send
/// the browser to <see cref="TokenBrokerDefaults.ConnectPath"/>. Code <c>consent_required</c>, status 401; no request was
/// sent.
/// </summary>
public class ConsentRequiredException : TokenBrokerException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="message">What happened and what to do.</param>
    public ConsentRequiredException(string message)
        : base(new BrokerError("consent_required", message, 401), null)
    {
    }

    internal ConsentRequiredException(BrokerError error, PipelineResponse? response)
        : base(error, response)
    {
    }

    internal static ConsentRequiredException NotConnected() => new(
        new BrokerError("consent_required", $"No AI account is connected. Send the user to {TokenBrokerDefaults.ConnectPath} to connect one.", 401),
        null);
}
