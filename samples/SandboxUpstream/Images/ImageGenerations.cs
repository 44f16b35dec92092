using System.Collections.Frozen;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Images;

/// <summary><c>POST /v1/images/generations</c>. The GPT image models take neither <c>response_format</c> nor <c>style</c>.</summary>
internal static class ImageGenerations
{
    private static readonly FrozenSet<string> Known =
    [
        "background", "model", "moderation", "n", "output_compression", "output_format", "partial_images", "prompt", "quality", "size", "stream", "user",
    ];

    public static Task AnswerAsync(Call call)
    {
        var parameters = RequestBody.ReadJson(call, Known);
        var answer = ImageAnswer.Read(parameters, "image_generation", pictures: 0);
        parameters.OneOf("moderation", "auto", "auto", "low");
        return parameters.Error is { } error ? call.RefuseAsync(error) : answer.SendAsync(call);
    }
}
