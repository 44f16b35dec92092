using System.Buffers;
using Microsoft.AspNetCore.Http.Features;
using TokenBroker.Apps;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Reads the request that wants to become a session (RFC 6455, section 4.2): the address, byte for byte, the one model in
/// its query, and who asks. A browser cannot set headers here, so OpenAI's clients put the token among the subprotocols;
/// it is taken out, judged like any other, and neither answered nor passed on. A page of an origin that no app registered
/// is refused, as CORS would refuse it elsewhere: browsers let any page open a WebSocket.
/// </summary>
internal sealed class Handshake(Callers callers, RegisteredOrigins origins)
{
    public const string Path = "/realtime";
    public const string Subprotocol = "realtime";
    private const string TokenPrefix = "openai-insecure-api-key.";
    private const int LongestModelName = 200;

    private static readonly SearchValues<char> s_modelCharacters =
        SearchValues.Create("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:");

    /// <summary>Who asks, by header or subprotocol.</summary>
    /// <returns>As <see cref="Callers.FindAsync(HttpContext, Upstream)"/>.</returns>
    public ValueTask<(Caller? Caller, GatewayError? Refusal)> FindCallerAsync(HttpContext context)
    {
        var tokens = ProtocolsOf(context).Where(protocol => protocol.StartsWith(TokenPrefix, StringComparison.Ordinal)).ToList();
        if (tokens.Count > 0)
        {
            if (tokens.Count > 1 || context.Request.Headers.Authorization.Count > 0)
            {
                return new((null, GatewayError.MissingToken));
            }

            // From here on it is where every other call has it.
            context.Request.Headers.Authorization = "Bearer " + tokens[0][TokenPrefix.Length..];
        }

        return callers.FindAsync(context);
    }

    /// <returns>The model that the session is for, or the refusal.</returns>
    public async ValueTask<(string? Model, GatewayError? Refusal)> ReadAsync(HttpContext context, Upstream upstream)
    {
        var target = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
        var question = target.IndexOf('?', StringComparison.Ordinal);
        var (path, query) = question < 0 ? (target, "") : (target[..question], target[(question + 1)..]);
        if (!string.Equals(path, $"/{upstream.Id}/v1{Path}", StringComparison.Ordinal))
        {
            return (null, GatewayError.OperationNotAllowed(context.Request.Method, context.Request.Path));
        }

        if (!context.WebSockets.IsWebSocketRequest)
        {
            return (null, GatewayError.InvalidRequest("This operation is a WebSocket (RFC 6455): send a request for an upgrade, version 13."));
        }

        if (context.Request.Headers.Origin is { Count: > 0 } origin
            && !(origin is [{ } only] && await origins.ContainAsync(only, context.RequestAborted)))
        {
            return (null, GatewayError.NotAllowed("Origin", "The page that opens this session is of an origin that no app has registered."));
        }

        var protocols = ProtocolsOf(context);
        return protocols.Any() && !protocols.Contains(Subprotocol)
            ? (null, GatewayError.InvalidRequest("The only subprotocol is 'realtime'.", "Sec-WebSocket-Protocol"))
            : ModelOf(query);
    }

    /// <summary>What is answered of the subprotocols that were offered.</summary>
    public static string? Accepted(HttpContext context) => ProtocolsOf(context).Contains(Subprotocol) ? Subprotocol : null;

    private static IEnumerable<string> ProtocolsOf(HttpContext context) =>
        context.WebSockets.IsWebSocketRequest ? context.WebSockets.WebSocketRequestedProtocols : [];

    /// <summary>Nothing is decoded: what the provider is asked for is what was judged.</summary>
    private static (string? Model, GatewayError? Refusal) ModelOf(string query)
    {
        string? model = null;
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (name, value) = parameter.IndexOf('=', StringComparison.Ordinal) is var at and >= 0 ? (parameter[..at], parameter[(at + 1)..]) : (parameter, "");
            if (name != "model")
            {
                return (null, GatewayError.NotAllowed(Shown(name), "A session takes no other parameter than 'model' through this broker."));
            }

            if (model is not null)
            {
                return (null, GatewayError.InvalidRequest("'model' appears more than once.", "model"));
            }

            model = value;
        }

        return model is { Length: > 0 and <= LongestModelName } && model.AsSpan().IndexOfAnyExcept(s_modelCharacters) < 0
            ? (model, null)
            : (null, GatewayError.ModelNotAllowed(null));
    }

    private static string Shown(string name) => name.Length <= 64 ? name : name[..64];
}
