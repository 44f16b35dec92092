using System.Text.RegularExpressions;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Realtime;

/// <summary>
/// The WebSocket of the provider's Realtime API. The handshake is stricter than the provider's: what a broker must not pass
/// on (cookies, an origin, other subprotocols, a wish for compression) is refused here, so that a test sees it.
/// </summary>
internal static partial class RealtimeApi
{
    public const string Path = "/v1/realtime";

    public static async Task AnswerAsync(Call call)
    {
        if (Refusal(call) is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        var model = call.Context.Request.Query["model"].ToString();
        using var socket = await call.Context.WebSockets.AcceptWebSocketAsync("realtime");
        using var channel = new EventChannel(socket, call);
        await new RealtimeConversation(call, channel, model).RunAsync();
    }

    private static ProviderError? Refusal(Call call)
    {
        var request = call.Context.Request;
        if (!call.Context.WebSockets.IsWebSocketRequest)
        {
            return new(400, "This endpoint requires a WebSocket upgrade.");
        }

        if (!call.Context.WebSockets.WebSocketRequestedProtocols.SequenceEqual(["realtime"]))
        {
            return new(400, "The sandbox takes the subprotocol 'realtime' and no other.", Code: "sandbox_subprotocol");
        }

        string[] unwanted = ["Cookie", "Origin", "Sec-WebSocket-Extensions", "OpenAI-Organization", "OpenAI-Project", "DPoP", "Forwarded", "X-Forwarded-For"];
        if (Array.Find(unwanted, name => request.Headers.ContainsKey(name)) is { } header)
        {
            return new(400, $"The sandbox does not want the header '{header}' on a session.", Code: "sandbox_header");
        }

        if (!ModelQuery().IsMatch(call.Recording.Target) || ModelList.Find(request.Query["model"].ToString()) is not { } model)
        {
            return new(404, "The model does not exist or you do not have access to it.", Param: "model", Code: "model_not_found");
        }

        return model.Abilities.HasFlag(Abilities.Realtime) ? null : ModelList.Unable(model, Abilities.Realtime);
    }

    [GeneratedRegex(@"^/v1/realtime\?model=[A-Za-z0-9._:-]+$", RegexOptions.NonBacktracking)]
    private static partial Regex ModelQuery();
}
