using System.Collections.Frozen;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Images;

/// <summary><c>POST /v1/images/edits</c>: a form with one picture (<c>image</c>) or several (<c>image[]</c>) and perhaps a <c>mask</c>.</summary>
internal static class ImageEdits
{
    private const int MostPictures = 16;

    private static readonly FrozenSet<string> Known =
    [
        "background", "image", "image[]", "input_fidelity", "mask", "model", "n", "output_compression", "output_format", "partial_images", "prompt",
        "quality", "size", "stream", "user",
    ];

    public static async Task AnswerAsync(Call call)
    {
        var (parameters, files) = await RequestBody.ReadFormAsync(call, Known);
        var pictures = files.Count(f => f.Name is "image" or "image[]");
        var answer = ImageAnswer.Read(parameters, "image_edit", pictures);
        parameters.RefuseIf(pictures == 0, () => ProviderErrors.MissingParameter("image"));
        parameters.RefuseIf(pictures > MostPictures, () => ProviderErrors.Invalid("image", $"Too many images: at most {MostPictures} can be edited at once."));
        await (parameters.Error is { } error ? call.RefuseAsync(error) : answer.SendAsync(call));
    }
}
