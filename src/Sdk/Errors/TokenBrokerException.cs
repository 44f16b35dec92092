using System.ClientModel;
using System.ClientModel.Primitives;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>
/// The broker refused a call, or could not be asked. The message says what happened and what to do, and may be shown to
/// the user. It derives from <see cref="ClientResultException"/>, so it comes unwrapped through openai-dotnet and
/// <c>IChatClient</c>, and existing catch blocks still see it. No token is ever part of its text.
/// </summary>
/// <remarks>
/// Thrown after openai-dotnet has ended its own retries (408, 429 and 5xx are retried by default, the rest is not). Errors
/// of the model provider itself stay plain <see cref="ClientResultException"/>s, as without the broker.
/// <see cref="ClientResultException.Status"/> is the HTTP status; <see cref="ClientResultException.GetRawResponse"/> gives
/// the response, or null where the call did not reach the gateway.
/// </remarks>
public class TokenBrokerException : ClientResultException
{
    /// <summary>As the SDK throws it, for an app's own tests.</summary>
    /// <param name="code">See <see cref="Code"/>.</param>
    /// <param name="message">What happened and what to do.</param>
    /// <param name="status">The HTTP status, not 0.</param>
    /// <param name="portalUrl">Where the user can mend it.</param>
    public TokenBrokerException(string code, string message, int status, Uri? portalUrl = null)
        : this(new BrokerError(code, message, status, PortalUrl: portalUrl), null, null)
    {
    }

    private protected TokenBrokerException(BrokerError error, PipelineResponse? response)
        : this(error, response, null)
    {
    }

    internal TokenBrokerException(BrokerError error, PipelineResponse? response, Exception? inner)
        : base(error.Message, response, inner)
    {
        // Never 0: openai-dotnet takes 0 for a broken connection and would send the request again.
        Status = response?.Status ?? error.Status;
        Code = error.Code;
        RequestId = error.RequestId;
        PortalUrl = error.PortalUrl;
    }

    /// <summary>
    /// The gateway's code, for example <c>upstream_unavailable</c>, <c>operation_not_allowed</c>, <c>content_flagged</c>,
    /// <c>invalid_token</c>; an OAuth error code of the token endpoint (RFC 6749 section 5.2), for example
    /// <c>invalid_client</c>; or <c>broker_unavailable</c> and <c>broker_misconfigured</c> from the SDK itself.
    /// </summary>
    public string Code { get; }

    /// <summary>The gateway's id of the request, to quote to the broker's operator; null where there is none.</summary>
    public string? RequestId { get; }

    /// <summary>The page of the broker's portal where the user can mend it, always on the broker's own origin; or null.</summary>
    public Uri? PortalUrl { get; }
}
