using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Chat;
using TokenBroker.Samples.SandboxUpstream.Objects;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Responses;

/// <summary>
/// <c>POST /v1/responses</c>. A stream is a series of typed events, numbered from 0, whose last one carries the whole
/// response with its usage; there is no <c>[DONE]</c>.
/// </summary>
internal static class ResponsesApi
{
    public static Task AnswerAsync(Call call)
    {
        var (request, error) = ResponseRequest.Read(call);
        if (request is null)
        {
            return call.RefuseAsync(error!);
        }

        var answer = request.ToolCall is { } tool
            ? TextAnswer.Of(call, tool.Arguments, maxTokens: null)
            : request.Structured is { } structured
                ? TextAnswer.Of(call, structured.ToJsonString(), request.MaxTokens)
                : TextAnswer.To(call, request.Prompt.Asked, request.MaxTokens);
        var shape = new ResponseShape(call, request, answer);
        if (shape.IsStored)
        {
            var shelf = call.Context.RequestServices.GetRequiredService<Shelves>().Of(call.Recording.Key);
            shelf.Put("responses", shape.Response(isOver: true));
            StoredItems.Keep(shelf, shape.Items(), answer.ReasoningTokens);
        }

        if (shape.IsBackground && !request.Stream)
        {
            return call.AnswerAsync(shape.Response(isOver: false));
        }

        return request.Stream
            ? call.StreamAsync(Numbered(Events(shape)))
            : call.AnswerAsync(shape.Response(isOver: true));
    }

    private static IEnumerable<StreamEvent> Numbered(IEnumerable<JsonObject> events) => events.Select((data, index) =>
    {
        data["sequence_number"] = index;
        return StreamEvent.Typed(data);
    });

    private static IEnumerable<JsonObject> Events(ResponseShape shape)
    {
        yield return Event("response.created", ("response", shape.Response(isOver: false)));
        yield return Event("response.in_progress", ("response", shape.Response(isOver: false)));
        if (shape.Thought() is { } thought)
        {
            yield return Event("response.output_item.added", ("output_index", 0), ("item", thought));
            yield return Event("response.output_item.done", ("output_index", 0), ("item", shape.Thought()));
        }

        yield return Event("response.output_item.added", ("output_index", shape.Index), ("item", shape.Item(isOver: false)));
        foreach (var data in shape.Tool is null ? Text(shape) : Arguments(shape))
        {
            yield return data;
        }

        yield return Event("response.output_item.done", ("output_index", shape.Index), ("item", shape.Item(isOver: true)));
        yield return Event($"response.{shape.FinalStatus}", ("response", shape.Response(isOver: true)));
    }

    private static IEnumerable<JsonObject> Text(ResponseShape shape)
    {
        JsonObject InPart(string type, params ReadOnlySpan<(string, JsonNode?)> more) =>
            Event(type, [("item_id", shape.ItemId), ("output_index", shape.Index), ("content_index", 0), .. more]);

        yield return InPart("response.content_part.added", ("part", ResponseShape.Part("")));
        foreach (var piece in Reply.Pieces(shape.Answer.Text))
        {
            yield return InPart("response.output_text.delta", ("delta", piece), ("logprobs", new JsonArray()));
        }

        yield return InPart("response.output_text.done", ("text", shape.Answer.Text), ("logprobs", new JsonArray()));
        yield return InPart("response.content_part.done", ("part", ResponseShape.Part(shape.Answer.Text)));
    }

    private static IEnumerable<JsonObject> Arguments(ResponseShape shape)
    {
        foreach (var piece in Reply.Pieces(shape.Answer.Text))
        {
            yield return Event("response.function_call_arguments.delta", ("item_id", shape.ItemId), ("output_index", shape.Index), ("delta", piece));
        }

        yield return Event("response.function_call_arguments.done",
            ("item_id", shape.ItemId), ("name", shape.Tool!.Name), ("output_index", shape.Index), ("arguments", shape.Answer.Text));
    }

    private static JsonObject Event(string type, params ReadOnlySpan<(string Name, JsonNode? Value)> properties)
    {
        var data = new JsonObject { ["type"] = type };
        foreach (var (name, value) in properties)
        {
            data[name] = value;
        }

        return data;
    }
}
