using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>
/// Runs a batch the moment that it is made: what is kept is over, with a file of answers, while the answer to its making
/// still says that it is being looked at. Each line is answered by the sandbox's own rules; <c>[[fault:...]]</c> in a line
/// makes that one fail, and <c>[[fault:no_usage]]</c> leaves its usage out.
/// </summary>
internal static class BatchRun
{
    public static JsonObject Begin(Call call, Shelf shelf, JsonObject made)
    {
        var output = new StringBuilder();
        foreach (var line in Encoding.UTF8.GetString(shelf.ContentOf("files", made["input_file_id"]!.ToString()) ?? []).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (TryParse(line) is { } asked)
            {
                output.Append(Answer(asked, MagicWords.In(Encoding.UTF8.GetBytes(line))).ToJsonString()).Append('\n');
            }
        }

        var over = (JsonObject)made.DeepClone();
        if (output.Length > 0)
        {
            var file = new JsonObject { ["id"] = call.Id("file-", 24), ["object"] = "file", ["purpose"] = "batch_output", ["filename"] = "output.jsonl" };
            shelf.Put("files", file, Encoding.UTF8.GetBytes(output.ToString()));
            over["output_file_id"] = file["id"]!.DeepClone();
        }

        over["status"] = output.Length > 0 ? "completed" : "failed";
        shelf.Put("batches", over);
        made["status"] = "validating";
        return made;
    }

    private static JsonObject? TryParse(string line)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject { } asked && asked["body"] is JsonObject ? asked : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private static JsonObject Answer(JsonObject asked, MagicWords words)
    {
        var body = asked["body"]!;
        var text = body["messages"]?[0]?["content"]?.ToString() ?? body["input"]?.ToString() ?? body["prompt"]?.ToString() ?? "";
        var kinds = words.Faults.Select(fault => fault.Kind).ToList();
        var isFault = kinds.Exists(kind => kind != FaultKind.NoUsage);
        var (input, output) = (TokenCount.Of(text), asked["url"]?.ToString() == "/v1/embeddings" ? 0 : TokenCount.Of(Reply.To(text)));
        var said = isFault
            ? new JsonObject { ["error"] = new JsonObject { ["message"] = "It failed." } }
            : new JsonObject
            {
                ["model"] = ModelList.Find(body["model"]?.ToString() ?? "")?.Snapshot,
                ["service_tier"] = "default",
                ["usage"] = kinds.Contains(FaultKind.NoUsage) ? null : new JsonObject
                {
                    ["prompt_tokens"] = input,
                    ["completion_tokens"] = output,
                    ["total_tokens"] = input + output,
                    ["prompt_tokens_details"] = new JsonObject { ["cached_tokens"] = Math.Min(words.CachedTokens, input) },
                },
            };
        return new JsonObject
        {
            ["id"] = "batch_req_" + Guid.NewGuid().ToString("N"),
            ["custom_id"] = asked["custom_id"]?.DeepClone(),
            ["response"] = new JsonObject { ["status_code"] = isFault ? 500 : 200, ["request_id"] = "req", ["body"] = said },
            ["error"] = null,
        };
    }
}
