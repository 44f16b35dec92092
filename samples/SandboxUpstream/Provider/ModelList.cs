using System.Collections.Frozen;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>What a model can be asked for.</summary>
[Flags]
internal enum Abilities
{
    None = 0,
    Chat = 1,
    Completion = 2,
    Embedding = 4,
    Moderation = 8,
    Image = 16,
    Speech = 32,
    Transcription = 64,
    Translation = 128,

    /// <summary>Thinks before it answers; takes no <c>max_tokens</c>.</summary>
    Reasoning = 256,

    /// <summary>Speaks in open sessions.</summary>
    Realtime = 512,
}

/// <summary>A model: the name that callers use, and the dated one that answers carry, as the provider's do; callers may use it too.</summary>
internal sealed record Model(string Id, string Snapshot, long Created, Abilities Abilities)
{
    public JsonObject ToJson(string id) => new()
    {
        ["id"] = id,
        ["object"] = "model",
        ["created"] = Created,
        ["owned_by"] = "system",
    };
}

/// <summary>The models that the sandbox pretends to have. The list is fixed; an unknown name is refused as the provider does.</summary>
internal static class ModelList
{
    private static readonly Model[] All =
    [
        new("gpt-5.4", "gpt-5.4-2026-03-05", 1772654062, Abilities.Chat | Abilities.Reasoning),
        new("gpt-5.4-mini", "gpt-5.4-mini-2026-03-17", 1773451665, Abilities.Chat | Abilities.Reasoning),
        new("gpt-5.4-nano", "gpt-5.4-nano-2026-03-17", 1773451692, Abilities.Chat | Abilities.Reasoning),
        new("gpt-5-mini", "gpt-5-mini-2025-08-07", 1754425928, Abilities.Chat | Abilities.Reasoning),
        new("gpt-4.1", "gpt-4.1-2025-04-14", 1744316542, Abilities.Chat),
        new("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14", 1744318173, Abilities.Chat),
        new("gpt-4.1-nano", "gpt-4.1-nano-2025-04-14", 1744321707, Abilities.Chat),
        new("gpt-4o", "gpt-4o-2024-08-06", 1715367049, Abilities.Chat),
        new("gpt-4o-mini", "gpt-4o-mini-2024-07-18", 1721172741, Abilities.Chat),
        new("o4-mini", "o4-mini-2025-04-16", 1744225351, Abilities.Chat | Abilities.Reasoning),
        new("gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct:20230824-v2", 1692901427, Abilities.Completion),
        new("text-embedding-3-small", "text-embedding-3-small", 1705948997, Abilities.Embedding),
        new("text-embedding-3-large", "text-embedding-3-large", 1705953180, Abilities.Embedding),
        new("omni-moderation-latest", "omni-moderation-latest", 1731689265, Abilities.Moderation),
        new("gpt-image-1", "gpt-image-1", 1745517030, Abilities.Image),
        new("gpt-image-1-mini", "gpt-image-1-mini", 1758845821, Abilities.Image),
        new("whisper-1", "whisper-1", 1677532384, Abilities.Transcription | Abilities.Translation),
        new("gpt-4o-transcribe", "gpt-4o-transcribe", 1742068463, Abilities.Transcription),
        new("gpt-4o-mini-transcribe", "gpt-4o-mini-transcribe", 1742068596, Abilities.Transcription),
        new("gpt-realtime", "gpt-realtime-2025-08-28", 1756271701, Abilities.Realtime),
        new("gpt-realtime-mini", "gpt-realtime-mini-2025-12-15", 1765760007, Abilities.Realtime),
        new("tts-1", "tts-1", 1681940951, Abilities.Speech),
        new("gpt-4o-mini-tts", "gpt-4o-mini-tts", 1742403959, Abilities.Speech),
    ];

    private static readonly FrozenDictionary<string, Model> ByName = All
        .SelectMany(model => new[] { model.Id, model.Snapshot }.Distinct(StringComparer.Ordinal), (model, name) => (name, model))
        .ToFrozenDictionary(pair => pair.name, pair => pair.model, StringComparer.Ordinal);

    public static Model? Find(string name) => ByName.GetValueOrDefault(name);

    public static Task ListAsync(Call call) => call.AnswerAsync(new JsonObject
    {
        ["object"] = "list",
        ["data"] = new JsonArray([.. All.Select(model => model.ToJson(model.Id))]),
    });

    public static Task GetAsync(Call call, string name) => Find(name) is { } model
        ? call.AnswerAsync(model.ToJson(name))
        : call.RefuseAsync(new ProviderError(404, $"The model '{name}' does not exist", Param: "model", Code: "model_not_found"));

    /// <summary>The refusal of a model that exists but is of the wrong kind.</summary>
    public static ProviderError Unable(Model model, Abilities wanted) => wanted switch
    {
        Abilities.Chat when model.Abilities.HasFlag(Abilities.Completion) => new(404,
            "This is not a chat model and thus not supported in the v1/chat/completions endpoint. Did you mean to use v1/completions?", Param: "model"),
        Abilities.Completion when model.Abilities.HasFlag(Abilities.Chat) => new(404,
            "This is a chat model and not supported in the v1/completions endpoint. Did you mean to use v1/chat/completions?", Param: "model"),
        Abilities.Embedding => new(403, "You are not allowed to generate embeddings from this model"),
        _ => ProviderErrors.InvalidValue("model", model.Id, All.Where(m => m.Abilities.HasFlag(wanted)).Select(m => m.Id)),
    };
}
