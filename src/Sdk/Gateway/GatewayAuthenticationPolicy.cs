using System.ClientModel.Primitives;

using TokenBroker.Sdk.Connections;
using TokenBroker.Sdk.Tokens;

namespace TokenBroker.Sdk.Gateway;

/// <summary>
/// Puts a fresh access token on each try of a request.
/// 1. Refuses any host but the broker's: the token is of use there only, and there only may it go.
/// 2. Takes the connection's token, refreshed where its end is near.
/// 3. Sends.
/// 4. On a 401 <c>invalid_token</c> refreshes, and sends once more where the content can be replayed. On
///    <c>grant_revoked</c> removes the connection. The error itself is turned into an exception by
///    <see cref="GatewayErrorPolicy"/>.
/// </summary>
internal sealed class GatewayAuthenticationPolicy(AccessTokens tokens, string? connectionId, Uri gateway) : AuthenticationPolicy
{
    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        RefuseOtherHosts(message);
        var current = Block(() => tokens.GetAsync(connectionId, rejected: null, message.CancellationToken));
        Put(message, current);
        ProcessNext(message, pipeline, currentIndex);

        if (message.Response is { Status: 401 } response)
        {
            response.BufferContent(message.CancellationToken);
            if (Block(() => AfterRefusalAsync(message, current)) is { } next)
            {
                Put(message, next);
                ProcessNext(message, pipeline, currentIndex);
            }
        }
    }

    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        RefuseOtherHosts(message);
        var current = await tokens.GetAsync(connectionId, rejected: null, message.CancellationToken);
        Put(message, current);
        await ProcessNextAsync(message, pipeline, currentIndex);

        if (message.Response is { Status: 401 } response)
        {
            await response.BufferContentAsync(message.CancellationToken);
            if (await AfterRefusalAsync(message, current) is { } next)
            {
                Put(message, next);
                await ProcessNextAsync(message, pipeline, currentIndex);
            }
        }
    }

    /// <summary>Gives the tokens to try once more with, or null where the refusal stands.</summary>
    private async Task<TokenSet?> AfterRefusalAsync(PipelineMessage message, TokenSet current)
    {
        switch (BrokerError.Read(message.Response!, gateway)?.Code)
        {
            case "invalid_token":
                var next = await tokens.GetAsync(connectionId, rejected: current.AccessToken, message.CancellationToken);
                if (!CanReplay(message))
                {
                    return null;
                }

                message.Response!.Dispose();
                return next;

            case "grant_revoked":
                await tokens.DropAsync(connectionId, current);
                return null;

            default:
                return null;
        }
    }

    /// <summary>Content whose length is known comes from memory or from a seekable stream; the rest was consumed by the first try.</summary>
    private static bool CanReplay(PipelineMessage message) =>
        message.Request.Content is not { } content || content.TryComputeLength(out _);

    private void RefuseOtherHosts(PipelineMessage message)
    {
        if (message.Request.Uri is not { } target || !Origin.Same(target, gateway))
        {
            throw new InvalidOperationException(
                $"Refused to send the user's access token to {message.Request.Uri?.GetLeftPart(UriPartial.Authority)}: it is for " +
                $"{gateway.GetLeftPart(UriPartial.Authority)} only. Leave OpenAIClientOptions.Endpoint as CreateOpenAIClient() sets it.");
        }
    }

    private static void Put(PipelineMessage message, TokenSet current) =>
        message.Request.Headers.Set("Authorization", "Bearer " + current.AccessToken.Reveal());

    /// <summary>openai-dotnet's synchronous methods have nothing to await; off the caller's context this cannot deadlock.</summary>
    private static T Block<T>(Func<Task<T>> work) => Task.Run(work).GetAwaiter().GetResult();
}
