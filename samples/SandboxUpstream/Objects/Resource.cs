using System.Collections.Frozen;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>A kind of object that the provider keeps.</summary>
/// <param name="Path">Its collection below <c>/v1</c>; <c>{}</c> stands for the id of what it lives in.</param>
/// <param name="Prefix">What its ids begin with.</param>
/// <param name="Object">What it is called in its own <c>object</c> member.</param>
/// <param name="Takes">The parameters of a new one, separated by spaces; those with an exclamation mark are required. Null where none is made here.</param>
/// <param name="Does">What can be asked of one: <c>get</c>, <c>update</c>, <c>delete</c>, <c>content</c>, or an action's name.</param>
internal sealed record Resource(string Path, string Prefix, string Object, string? Takes, string Does)
{
    /// <summary>Whether a collection can be listed; a few cannot.</summary>
    public bool Lists { get; init; } = true;

    /// <summary>Whether a new one comes as a form with a file.</summary>
    public bool IsUpload { get; init; }

    public FrozenSet<string> Known { get; } = (Takes ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(name => name.TrimEnd('!')).ToFrozenSet();

    public string[] Required { get; } = [.. (Takes ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(name => name.EndsWith('!')).Select(name => name.TrimEnd('!'))];

    public string[] Actions { get; } = Does.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    public static IReadOnlyList<Resource> All { get; } =
    [
        new("files", "file-", "file", "purpose! file! expires_after[anchor] expires_after[seconds]", "get delete content") { IsUpload = true },
        new("uploads", "upload_", "upload", "filename! purpose! bytes! mime_type! expires_after", "complete cancel") { Lists = false },
        new("uploads/{}/parts", "part_", "upload.part", "data!", "") { Lists = false, IsUpload = true },
        new("vector_stores", "vs_", "vector_store", "name description file_ids expires_after chunking_strategy metadata", "get update delete search"),
        new("vector_stores/{}/files", "file-", "vector_store.file", "file_id! attributes chunking_strategy", "get update delete content"),
        new("vector_stores/{}/file_batches", "vsfb_", "vector_store.files_batch", "file_ids files attributes chunking_strategy", "get cancel files") { Lists = false },
        new("batches", "batch_", "batch", "input_file_id! endpoint! completion_window! metadata output_expires_after", "get cancel"),
        new("fine_tuning/jobs", "ftjob-", "fine_tuning.job", "model! training_file! validation_file hyperparameters suffix method metadata seed integrations", "get cancel pause resume checkpoints events"),
        new("responses", "resp_", "response", null, "get delete cancel input_items") { Lists = false },
        new("chat/completions", "chatcmpl-", "chat.completion", null, "get update delete messages"),
        new("conversations", "conv_", "conversation", "items metadata", "get update delete") { Lists = false },
        new("conversations/{}/items", "msg_", "message", "items!", "get delete"),
        new("containers", "cntr_", "container", "name! file_ids expires_after memory_limit", "get delete"),
        new("containers/{}/files", "cfile_", "container.file", "file_id", "get delete content"),
        new("videos", "video_", "video", "model prompt! seconds size input_reference", "get delete content remix"),
        new("videos/edits", "video_", "video", "prompt! video!", "") { Lists = false },
        new("videos/extensions", "video_", "video", "prompt! seconds video!", "") { Lists = false },
        new("videos/characters", "char_", "character", "name! video!", "get") { Lists = false, IsUpload = true },
        new("evals", "eval_", "eval", "name metadata data_source_config! testing_criteria!", "get update delete"),
        new("evals/{}/runs", "evalrun_", "eval.run", "name metadata data_source!", "get delete output_items update"),
        new("assistants", "asst_", "assistant", "model! name description instructions tools tool_resources metadata temperature top_p response_format reasoning_effort", "get update delete"),
        new("threads", "thread_", "thread", "messages tool_resources metadata", "get update delete") { Lists = false },
        new("threads/{}/messages", "msg_", "thread.message", "role! content! attachments metadata", "get update delete"),
        new("threads/{}/runs", "run_", "thread.run", "assistant_id! model instructions additional_instructions additional_messages tools metadata stream", "get update cancel submit_tool_outputs steps"),
        new("threads/runs", "run_", "thread.run", "assistant_id! thread model instructions tools metadata stream", "") { Lists = false },
    ];
}
