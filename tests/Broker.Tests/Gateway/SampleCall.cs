using System.Net.Http.Headers;
using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>One good request for each operation of the catalogue.</summary>
public sealed record SampleCall(string Operation, string Scope, HttpMethod Method, string Path, Func<HttpContent?> Body)
{
    public static IReadOnlyList<SampleCall> All { get; } =
    [
        new("models.list", "openai:models", HttpMethod.Get, "/models", () => null),
        new("models.get", "openai:models", HttpMethod.Get, "/models/gpt-4o-mini", () => null),
        Json("chat.completions", "openai:chat", "/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}"""),
        Json("completions", "openai:chat", "/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":"Hello"}"""),
        Json("responses", "openai:responses", "/responses", """{"model":"gpt-4o-mini","input":"Hello"}"""),
        Json("embeddings", "openai:embeddings", "/embeddings", """{"model":"text-embedding-3-small","input":"Hello"}"""),
        Json("moderations", "openai:moderations", "/moderations", """{"input":"Hello"}"""),
        Json("images.generations", "openai:images", "/images/generations", """{"model":"gpt-image-1","prompt":"A plum","quality":"low","background":"opaque"}"""),
        Form("images.edits", "openai:images", "/images/edits", [("model", "gpt-image-1-mini"), ("prompt", "Bluer"), ("quality", "low")], ("image", "plum.png", 100)),
        Form("images.variations", "openai:images", "/images/variations", [("model", "dall-e-2"), ("n", "2")], ("image", "plum.png", 100)),
        Json("audio.speech", "openai:audio", "/audio/speech", """{"model":"tts-1","input":"Hello","voice":"alloy"}"""),
        Form("audio.transcriptions", "openai:audio", "/audio/transcriptions", [("model", "whisper-1")], ("file", "words.wav", 40_000)),
        Form("audio.translations", "openai:audio", "/audio/translations", [("model", "whisper-1")], ("file", "words.wav", 40_000)),
    ];

    public static TheoryData<string> Names => [.. All.Select(call => call.Operation)];

    public static SampleCall Of(string operation) => All.Single(call => call.Operation == operation);

    public Task<HttpResponseMessage> SendAsync(Api api) => api.SendAsync(Method, Path, Body());

    public static MultipartFormDataContent FormOf((string Name, string Value)[] fields, (string Name, string FileName, int Length) file) =>
        FormOf(fields, file.Name, file.FileName, new byte[file.Length]);

    public static MultipartFormDataContent FormOf((string Name, string Value)[] fields, string file, string fileName, byte[] content)
    {
        var form = new MultipartFormDataContent("boundary-" + Guid.NewGuid().ToString("N"));
        form.Headers.ContentType = MediaTypeHeaderValue.Parse(form.Headers.ContentType!.ToString().Replace("\"", "", StringComparison.Ordinal));
        foreach (var (name, value) in fields)
        {
            form.Add(new StringContent(value), name);
        }

        form.Add(new ByteArrayContent(content), file, fileName);
        return form;
    }

    private static SampleCall Json(string operation, string scope, string path, string json) =>
        new(operation, scope, HttpMethod.Post, path, () => new StringContent(json, Encoding.UTF8, "application/json"));

    private static SampleCall Form(
        string operation, string scope, string path, (string Name, string Value)[] fields, (string Name, string FileName, int Length) file) =>
        new(operation, scope, HttpMethod.Post, path, () => FormOf(fields, file));
}
