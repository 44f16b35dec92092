using System.Net.WebSockets;

namespace TokenBroker.Gateway;

/// <summary>Why a session ended: what the app is told last, and how the socket is closed.</summary>
internal sealed record SessionEnd(GatewayError? Error, WebSocketCloseStatus Status)
{
    /// <summary>The app left.</summary>
    public static SessionEnd Left { get; } = new(null, WebSocketCloseStatus.NormalClosure);

    public static SessionEnd Stopping { get; } = new(GatewayError.SessionEnded("The broker stops. Open the session again."), WebSocketCloseStatus.EndpointUnavailable);

    public static SessionEnd TooLong { get; } = new(GatewayError.SessionEnded("The session has lasted as long as one may. Open another."), WebSocketCloseStatus.PolicyViolation);

    public static SessionEnd Idle { get; } = new(GatewayError.SessionEnded("Neither side has sent anything for too long."), WebSocketCloseStatus.PolicyViolation);

    /// <summary>The provider answered with something unusable.</summary>
    public static SessionEnd Unusable { get; } = new(GatewayError.Unavailable, WebSocketCloseStatus.InternalServerError);

    public static SessionEnd KeyEchoed { get; } = new(GatewayError.KeyEchoed, WebSocketCloseStatus.InternalServerError);

    public static SessionEnd Failed { get; } = new(GatewayError.Internal, WebSocketCloseStatus.InternalServerError);

    /// <summary>What the usage of a response that was open shows.</summary>
    public int HttpStatus => Error?.Status ?? StatusCodes.Status200OK;

    /// <summary>The grant, or its budget, allows no more.</summary>
    public static SessionEnd Because(GatewayError error) => new(error, WebSocketCloseStatus.PolicyViolation);

    /// <summary>The provider closed. Its code goes on, where it is one that may be sent; its words do not.</summary>
    public static SessionEnd ClosedByProvider(WebSocketCloseStatus? status) => (int?)status switch
    {
        1000 or 1001 or 1008 or 1011 or (>= 3000 and <= 4999) => new(null, status!.Value),
        _ => new(GatewayError.Unavailable, WebSocketCloseStatus.InternalServerError),
    };
}
