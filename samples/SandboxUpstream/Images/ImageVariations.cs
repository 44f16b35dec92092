using System.Collections.Frozen;
using System.Text.Json.Nodes;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Images;

/// <summary>
/// <c>POST /v1/images/variations</c>. Only the provider's oldest image model does this; it reports no usage and by default
/// answers with an address.
/// </summary>
internal static class ImageVariations
{
    private const string Model = "dall-e-2";

    private static readonly FrozenSet<string> Known = ["image", "model", "n", "response_format", "size", "user"];

    public static async Task AnswerAsync(Call call)
    {
        var (parameters, files) = await RequestBody.ReadFormAsync(call, Known);
        parameters.OneOf("model", Model, Model);
        parameters.OneOf("size", "1024x1024", "256x256", "512x512", "1024x1024");
        var format = parameters.OneOf("response_format", "url", "url", "b64_json");
        var count = parameters.Integer("n", 1, 10) ?? 1;
        parameters.RefuseIf(!files.Any(f => f.Name == "image"), () => ProviderErrors.MissingParameter("image"));
        if (parameters.Error is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        await call.AnswerAsync(new JsonObject
        {
            ["created"] = call.Now,
            ["data"] = new JsonArray([.. Enumerable.Range(0, count).Select(index => format == "url"
                ? new JsonObject { ["url"] = $"https://images.sandbox.invalid/{call.Id("img-")}-{index}.png" }
                : new JsonObject { ["b64_json"] = ImageAnswer.Png })]),
        });
    }
}
