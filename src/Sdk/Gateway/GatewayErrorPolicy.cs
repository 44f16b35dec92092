using System.ClientModel.Primitives;

namespace TokenBroker.Sdk.Gateway;

/// <summary>
/// Turns the gateway's errors into typed exceptions. It stands outside of openai-dotnet's retry policy, so a 429, 502 or
/// 504 is converted only when the last retry has failed, and a 402 or 403, which is not retried, at once.
/// </summary>
internal sealed class GatewayErrorPolicy(Uri authority) : PipelinePolicy
{
    public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        ProcessNext(message, pipeline, currentIndex);
        if (message.Response is { IsError: true } response)
        {
            response.BufferContent(message.CancellationToken);
            ThrowIfFromGateway(response);
        }
    }

    public override async ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
    {
        await ProcessNextAsync(message, pipeline, currentIndex);
        if (message.Response is { IsError: true } response)
        {
            await response.BufferContentAsync(message.CancellationToken);
            ThrowIfFromGateway(response);
        }
    }

    private void ThrowIfFromGateway(PipelineResponse response)
    {
        if (BrokerError.Read(response, authority) is { } error)
        {
            throw error.ToException(response);
        }
    }
}
