using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Objects;
using TokenBroker.Samples.SandboxUpstream.Provider;

namespace TokenBroker.Samples.SandboxUpstream.Responses;

/// <summary>
/// The items of stored responses, which the provider finds by their ids alone, in the whole account: whatever an
/// <c>item_reference</c> names, and reasoning that comes without its encrypted content. They cost what they hold.
/// </summary>
internal static class StoredItems
{
    private const string Place = "items";
    private const string Tokens = "tokens";

    public static void Keep(Shelf shelf, IEnumerable<JsonObject> items, int reasoningTokens)
    {
        foreach (var item in items)
        {
            item[Tokens] = item["type"]!.ToString() == "reasoning" ? reasoningTokens : TokenCount.Of((item["content"]?[0]?["text"] ?? item["arguments"])?.ToString() ?? "");
            shelf.Put(Place, item);
        }
    }

    /// <returns>The tokens of what the items name; a refusal is left in the parameters.</returns>
    public static int Find(Shelf shelf, Parameters parameters, JsonNode? input)
    {
        var tokens = 0;
        foreach (var item in (input as JsonArray ?? []).OfType<JsonObject>())
        {
            var isReference = item["type"]?.ToString() == "item_reference" || (item["type"] is null && item["role"] is null);
            if (item["id"]?.ToString() is not { } id || !(isReference || (item["type"]?.ToString() == "reasoning" && item["encrypted_content"] is null)))
            {
                continue;
            }

            if (shelf.Find(Place, id) is { } found)
            {
                tokens += found[Tokens]!.GetValue<int>();
            }
            else
            {
                parameters.Refuse(new ProviderError(404, $"Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.", Param: "input"));
            }
        }

        return tokens;
    }
}
