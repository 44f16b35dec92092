using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>
/// Everything that the provider keeps for an account, answered alike: made, listed, read, changed and deleted, for the
/// account of the key alone. An id of another account does not exist here, as it does not there.
/// </summary>
internal static class ObjectsApi
{
    public static Task AnswerAsync(Call call, Resource resource, string? action)
    {
        var shelf = call.Context.RequestServices.GetRequiredService<Shelves>().Of(call.Recording.Key);
        var segments = Operations.PathOf(call)["/v1/".Length..].Split('/');
        var depth = resource.Path.Split('/').Length;
        var place = string.Join('/', segments.Take(depth));
        if (MissingParent(shelf, segments, resource) is { } parent)
        {
            return call.RefuseAsync(NotFound(parent));
        }

        var id = segments.Length > depth ? segments[depth] : null;
        var found = id is null ? null : shelf.Find(place, id) ?? (resource.Path == "chat/completions" ? shelf.Find("chat/completions", id) : null);
        return (call.Context.Request.Method, id, action) switch
        {
            ("GET", null, _) => ObjectLists.AnswerAsync(call, shelf.All(place, newestFirst: !call.Context.Request.Query.TryGetValue("order", out var order) || order != "asc")),
            ("POST", null, _) => NewObject.MakeAsync(call, shelf, resource, place),
            _ when found is null => call.RefuseAsync(NotFound(id!)),
            ("GET", _, "get") => call.AnswerAsync(found),
            ("GET", _, "content") => call.AnswerAsync(shelf.ContentOf(place, id!) ?? "content"u8.ToArray(), "application/octet-stream"),
            ("GET", _, _) => ObjectLists.AnswerAsync(call, []),
            ("POST", _, "update") => UpdateAsync(call, shelf, place, found),
            ("DELETE", _, _) => DeleteAsync(call, shelf, resource, place, id!),
            _ => ActAsync(call, shelf, place, found, action!),
        };
    }

    public static ProviderError NotFound(string id) => new(404, $"No such object: {id}", Param: "id");

    private static string? MissingParent(Shelf shelf, string[] segments, Resource resource)
    {
        var place = resource.Path.Split('/');
        var at = Array.IndexOf(place, "{}");
        return at < 0 || shelf.Find(string.Join('/', segments.Take(at)), segments[at]) is not null ? null : segments[at];
    }

    private static Task UpdateAsync(Call call, Shelf shelf, string place, JsonObject found)
    {
        if (call.Body.Length > 0 && JsonNode.Parse(call.Body.Span) is JsonObject change)
        {
            foreach (var (name, value) in change.ToList())
            {
                found[name] = value?.DeepClone();
            }
        }

        shelf.Put(place, found);
        return call.AnswerAsync(found);
    }

    private static Task DeleteAsync(Call call, Shelf shelf, Resource resource, string place, string id)
    {
        shelf.Remove(place, id);
        return call.AnswerAsync(new JsonObject { ["id"] = id, ["object"] = $"{resource.Object}.deleted", ["deleted"] = true });
    }

    private static Task ActAsync(Call call, Shelf shelf, string place, JsonObject found, string action)
    {
        switch (action)
        {
            case "search":
                return call.AnswerAsync(new JsonObject { ["object"] = "vector_store.search_results.page", ["data"] = new JsonArray(), ["has_more"] = false });
            case "remix":
                return NewObject.CopyAsync(call, shelf, place, found);
            case "complete":
                var file = new JsonObject { ["id"] = call.Id("file-", 24), ["object"] = "file", ["purpose"] = found["purpose"]?.DeepClone(), ["filename"] = found["filename"]?.DeepClone() };
                shelf.Put("files", file, []);
                (found["status"], found["file"]) = ("completed", file);
                break;
            default:
                found["status"] = action switch { "cancel" => "cancelled", "pause" => "paused", _ => "in_progress" };
                break;
        }

        shelf.Put(place, found);
        return call.AnswerAsync(found);
    }
}
