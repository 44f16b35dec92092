using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>Makes an object: known parameters only, the required ones there, and every id that it names in the same account.</summary>
internal static class NewObject
{
    private static readonly Dictionary<string, string> Places = new()
    {
        ["file_id"] = "files",
        ["file_ids"] = "files",
        ["input_file_id"] = "files",
        ["training_file"] = "files",
        ["validation_file"] = "files",
        ["vector_store_ids"] = "vector_stores",
        ["assistant_id"] = "assistants",
    };

    public static async Task MakeAsync(Call call, Shelf shelf, Resource resource, string place)
    {
        var isForm = call.Context.Request.HasFormContentType;
        var (parameters, files) = isForm
            ? await RequestBody.ReadFormAsync(call, resource.Known.Append("file").ToHashSet())
            : (RequestBody.ReadJson(call, resource.Known), new FormFileCollection());
        foreach (var name in resource.Required)
        {
            parameters.RefuseIf(!parameters.Has(name) && files.GetFile(name) is null, () => ProviderErrors.MissingParameter(name));
        }

        if (MissingId(shelf, parameters.Values) is { } missing)
        {
            parameters.Refuse(ObjectsApi.NotFound(missing));
        }

        if (parameters.Error is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        var made = Made(call, resource, parameters.Values);
        var content = files.Count == 0 ? null : await BytesOfAsync(files[0], call.Ended);
        if (content is not null)
        {
            (made["bytes"], made["filename"]) = (content.Length, files[0].FileName);
        }

        if (resource.Path == "threads/runs")
        {
            var thread = new JsonObject { ["id"] = call.Id("thread_", 24), ["object"] = "thread", ["created_at"] = call.Now };
            shelf.Put("threads", thread);
            made["thread_id"] = thread["id"]!.DeepClone();
            place = $"threads/{thread["id"]}/runs";
        }
        else if (resource.Path.StartsWith("videos/", StringComparison.Ordinal) && resource.Prefix == "video_")
        {
            place = "videos";
        }

        if (resource.Path == "vector_stores/{}/files")
        {
            made["id"] = parameters.Values["file_id"]!.DeepClone();
        }

        shelf.Put(place, made, content);
        await call.AnswerAsync(place == "batches" ? BatchRun.Begin(call, shelf, made) : made);
    }

    public static Task CopyAsync(Call call, Shelf shelf, string place, JsonObject found)
    {
        found["id"] = call.Id("video_", 24);
        shelf.Put(place, found);
        return call.AnswerAsync(found);
    }

    /// <summary>The first id, anywhere in a body, that the account does not have.</summary>
    public static string? MissingId(Shelf shelf, JsonNode? node, string? place = null)
    {
        switch (node)
        {
            case JsonObject json:
                foreach (var (name, value) in json)
                {
                    if (name != "metadata" && MissingId(shelf, value, Places.GetValueOrDefault(name)) is { } missing)
                    {
                        return missing;
                    }
                }

                return null;
            case JsonArray items:
                return items.Select(item => MissingId(shelf, item, place)).FirstOrDefault(id => id is not null);
            case JsonValue when place is not null && node.GetValueKind() == System.Text.Json.JsonValueKind.String:
                return shelf.Find(place, node.ToString()) is null ? node.ToString() : null;
            default:
                return null;
        }
    }

    private static JsonObject Made(Call call, Resource resource, JsonObject values)
    {
        var made = new JsonObject { ["id"] = call.Id(resource.Prefix, 24), ["object"] = resource.Object, ["created_at"] = call.Now, ["status"] = "completed" };
        foreach (var (name, value) in values)
        {
            // What names itself in the answer otherwise is not repeated.
            if (name is not ("items" or "messages" or "file" or "thread"))
            {
                made[name] = value?.DeepClone();
            }
        }

        return made;
    }

    private static async Task<byte[]> BytesOfAsync(IFormFile file, CancellationToken cancellationToken)
    {
        using var bytes = new MemoryStream();
        await file.CopyToAsync(bytes, cancellationToken);
        return bytes.ToArray();
    }
}
