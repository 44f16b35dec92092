using System.ClientModel;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;

using OpenAI.Chat;

using TokenBroker.Sdk;

namespace TokenBroker.Samples.WebChat;

/// <summary>Streams an answer to the page: events <c>text</c>, then one <c>done</c> or one <c>problem</c>.</summary>
internal static class ChatAnswer
{
    public static IResult Start(ChatRequest request, TokenBrokerConnection broker, CancellationToken cancellationToken)
    {
        if (request is not { Model.Length: > 0, Turns.Count: > 0 and <= 200 } || request.Turns.Any(turn => turn is not { Text: not null }))
        {
            return Results.BadRequest("Send a model and 1 to 200 turns, each with its text.");
        }

        var chat = broker.CreateChatClient(request.Model, WebChatApplication.AnswerAtOnce);
        return TypedResults.ServerSentEvents(StreamAsync(chat, request.Turns, cancellationToken));
    }

    private static async IAsyncEnumerable<SseItem<object>> StreamAsync(ChatClient chat, IReadOnlyList<ChatTurn> turns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var updates = chat
            .CompleteChatStreamingAsync(turns.Select(turn => turn.ToMessage()), cancellationToken: cancellationToken)
            .GetAsyncEnumerator(cancellationToken);

        Problem? problem = null;
        while (true)
        {
            try
            {
                if (!await updates.MoveNextAsync())
                {
                    break;
                }
            }
            catch (Exception exception) when (exception is ClientResultException or IOException)
            {
                problem = Problem.From(exception);
                break;
            }

            foreach (var part in updates.Current.ContentUpdate)
            {
                yield return new SseItem<object>(new { part.Text }, "text");
            }
        }

        yield return problem is null ? new SseItem<object>(new { }, "done") : new SseItem<object>(problem, "problem");
    }
}
