using System.ClientModel;

using TokenBroker.Sdk;

namespace TokenBroker.Samples.WebChat;

/// <summary>The models that the user allows this app, for the picker.</summary>
internal static class ChatModels
{
    private static readonly string[] OtherKinds = ["embedding", "whisper", "tts", "dall-e", "image", "audio", "realtime", "transcribe", "moderation", "sora", "instruct"];

    private static readonly string[] WithoutList = ["gpt-4o-mini"];

    public static async Task<IResult> ListAsync(TokenBrokerConnection broker, CancellationToken cancellationToken)
    {
        try
        {
            var models = await broker.CreateOpenAIClient(WebChatApplication.AnswerAtOnce).GetOpenAIModelClient().GetModelsAsync(cancellationToken);
            return Results.Ok(models.Value.Select(model => model.Id)
                .Where(id => !OtherKinds.Any(kind => id.Contains(kind, StringComparison.OrdinalIgnoreCase)))
                .Order(StringComparer.Ordinal));
        }
        catch (InsufficientScopeException)
        {
            return Results.Ok(WithoutList); // the user kept the list to themselves; chatting still works
        }
        catch (Exception exception) when (exception is ClientResultException or IOException)
        {
            return Results.Ok(new { Problem = Problem.From(exception) });
        }
    }
}
