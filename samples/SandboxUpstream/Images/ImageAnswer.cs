using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Images;

/// <summary>
/// What generations and edits have in common. Output tokens come from the provider's table of quality and size; automatic
/// quality counts as high and automatic size as square. Input tokens are those of the prompt's text, and
/// <see cref="TokenCount.PerImage"/> for each picture sent.
/// </summary>
internal sealed record ImageAnswer(
    string Kind, string Prompt, int Pictures, int Count, string Quality, string Size, string Format, string Background, bool Stream, int Partial)
{
    /// <summary>A PNG of one transparent pixel: the least that a client can decode.</summary>
    public const string Png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

    public static ImageAnswer Read(Parameters parameters, string kind, int pictures)
    {
        parameters.Model(Abilities.Image, "gpt-image-1");
        var stream = parameters.Flag("stream");
        var partial = parameters.Integer("partial_images", 0, 3);
        parameters.RefuseIf(partial > 0 && !stream, () => ProviderErrors.Invalid("partial_images",
            "The 'partial_images' parameter is only allowed when 'stream' is enabled."));
        parameters.Integer("output_compression", 0, 100);
        return new ImageAnswer(
            kind,
            parameters.RequiredText("prompt"),
            pictures,
            parameters.Integer("n", 1, 10) ?? 1,
            parameters.OneOf("quality", "auto", "low", "medium", "high", "auto") is "auto" ? "high" : parameters.Text("quality")!,
            parameters.OneOf("size", "auto", "1024x1024", "1024x1536", "1536x1024", "auto") is "auto" ? "1024x1024" : parameters.Text("size")!,
            parameters.OneOf("output_format", "png", "png", "jpeg", "webp"),
            parameters.OneOf("background", "auto", "transparent", "opaque", "auto") is "transparent" ? "transparent" : "opaque",
            stream,
            partial ?? 0);
    }

    public Task SendAsync(Call call) => Stream ? call.StreamAsync(Events(call)) : call.AnswerAsync(Whole(call));

    private JsonObject Whole(Call call) => new()
    {
        ["created"] = call.Now,
        ["background"] = Background,
        ["data"] = new JsonArray([.. Enumerable.Range(0, Count).Select(_ => new JsonObject { ["b64_json"] = Png })]),
        ["output_format"] = Format,
        ["quality"] = Quality,
        ["size"] = Size,
        ["usage"] = Usage(),
    };

    private IEnumerable<StreamEvent> Events(Call call)
    {
        JsonObject Event(string type) => new()
        {
            ["type"] = $"{Kind}.{type}",
            ["b64_json"] = Png,
            ["created_at"] = call.Now,
            ["size"] = Size,
            ["quality"] = Quality,
            ["background"] = Background,
            ["output_format"] = Format,
        };

        for (var index = 0; index < Partial; index++)
        {
            var partial = Event("partial_image");
            partial["partial_image_index"] = index;
            yield return StreamEvent.Typed(partial);
        }

        for (var index = 0; index < Count; index++)
        {
            var completed = Event("completed");
            if (call.HasUsage && index == Count - 1)
            {
                completed["usage"] = Usage();
            }

            yield return StreamEvent.Typed(completed);
        }
    }

    private JsonObject Usage()
    {
        var (text, image, output) = (TokenCount.Of(Prompt), Pictures * TokenCount.PerImage, Count * PerPicture());
        return new JsonObject
        {
            ["input_tokens"] = text + image,
            ["input_tokens_details"] = new JsonObject { ["image_tokens"] = image, ["text_tokens"] = text },
            ["output_tokens"] = output,
            ["output_tokens_details"] = new JsonObject { ["image_tokens"] = output, ["text_tokens"] = 0 },
            ["total_tokens"] = text + image + output,
        };
    }

    private int PerPicture() => (Quality, Size) switch
    {
        ("low", "1024x1024") => 272,
        ("low", "1024x1536") => 408,
        ("low", _) => 400,
        ("medium", "1024x1024") => 1056,
        ("medium", "1024x1536") => 1584,
        ("medium", _) => 1568,
        (_, "1024x1024") => 4160,
        (_, "1024x1536") => 6240,
        _ => 6208,
    };
}
