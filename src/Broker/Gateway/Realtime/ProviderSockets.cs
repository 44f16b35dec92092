using System.Net;
using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>The provider's side of a session, or why there is none. It holds the key, to look for it in what the provider sends.</summary>
internal sealed record ProviderSide(WebSocket? Socket, byte[] Key, GatewayError? Refusal) : IDisposable
{
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(Key);
        Socket?.Dispose();
    }
}

/// <summary>
/// Opens sessions at the provider: at the configured address, with the user's key and nothing of the app's request but the
/// model, over the same connections rules as every call (no proxy, no redirect, no cookie). Compression is not offered.
/// </summary>
internal sealed class ProviderSockets(UpstreamClient client, CallKeys keys, KeyHealth health, IOptions<RealtimeOptions> options)
{
    public async Task<ProviderSide> OpenAsync(Upstream upstream, AdmittedSession admitted, CancellationToken cancellationToken)
    {
        var (key, refusal) = await keys.OpenAsync(admitted.Key, cancellationToken);
        if (key is null)
        {
            return new ProviderSide(null, [], refusal);
        }

        var socket = new ClientWebSocket();
        try
        {
            Prepare(socket, upstream, key);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, admitted.Caller.Grant.Cut);
            limit.CancelAfter(options.Value.ConnectTimeout);
            await socket.ConnectAsync(AddressOf(upstream, admitted.Model), client.Invoker, limit.Token);
            return new ProviderSide(socket, Encoding.UTF8.GetBytes(key), null);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or HttpRequestException or IOException)
        {
            var status = socket.HttpStatusCode;
            socket.Dispose();
            cancellationToken.ThrowIfCancellationRequested();
            if (status == HttpStatusCode.Unauthorized)
            {
                health.MarkRefused(admitted.Key.Id);
            }

            return new ProviderSide(null, [], admitted.Caller.Grant.Cut.IsCancellationRequested ? Call.ErrorOf(admitted.Caller.Grant.CutReason)
                : status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden ? GatewayError.KeyRejected
                : exception is OperationCanceledException ? GatewayError.Timeout
                : GatewayError.Unavailable);
        }
    }

    private void Prepare(ClientWebSocket socket, Upstream upstream, string key)
    {
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.KeepAliveInterval = TimeSpan.FromSeconds(20);
        socket.Options.KeepAliveTimeout = TimeSpan.FromSeconds(20);
        socket.Options.AddSubProtocol(Handshake.Subprotocol);
        socket.Options.SetRequestHeader("User-Agent", "TokenBroker");
        socket.Options.SetRequestHeader(upstream.CredentialHeader, upstream.CredentialPrefix + key);
        if (options.Value.Beta.Length > 0)
        {
            socket.Options.SetRequestHeader("OpenAI-Beta", options.Value.Beta);
        }
    }

    /// <summary>http becomes ws and https wss; the model has plain characters only.</summary>
    private static Uri AddressOf(Upstream upstream, string model) =>
        new("ws" + upstream.BaseUrl["http".Length..] + Handshake.Path + "?model=" + model, UriKind.Absolute);
}
