using System.Collections.Frozen;
using TokenBroker.Samples.SandboxUpstream.Audio;
using TokenBroker.Samples.SandboxUpstream.Chat;
using TokenBroker.Samples.SandboxUpstream.Completions;
using TokenBroker.Samples.SandboxUpstream.Embeddings;
using TokenBroker.Samples.SandboxUpstream.Images;
using TokenBroker.Samples.SandboxUpstream.Moderations;
using TokenBroker.Samples.SandboxUpstream.Objects;
using TokenBroker.Samples.SandboxUpstream.Realtime;
using TokenBroker.Samples.SandboxUpstream.Responses;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>Marks an endpoint as one of the provider's, for <see cref="Admission"/>.</summary>
/// <param name="Path">The path; one that ends in a slash takes one more segment, and one in braces stands for any.</param>
/// <param name="IsInference">Whether the call costs money, and so needs quota.</param>
internal sealed record Operation(string Path, bool IsInference)
{
    /// <summary>Whether a path is this one as it stands on the wire.</summary>
    public bool Is(string path)
    {
        var (mine, theirs) = ((Path.EndsWith('/') ? Path + "{}" : Path).Split('/'), path.Split('/'));
        return mine.Length == theirs.Length
            && mine.Zip(theirs).All(pair => pair.First.StartsWith('{') ? pair.Second.Length > 0 : string.Equals(pair.First, pair.Second, StringComparison.Ordinal));
    }
}

/// <summary>The provider's operations that the sandbox knows; everything else is an invalid URL.</summary>
internal static class Operations
{
    private const string Models = "/v1/models";
    private const string OneModel = "/v1/models/";

    private static readonly (string Path, Func<Call, Task> Answer)[] Inference =
    [
        ("/v1/chat/completions", ChatCompletions.AnswerAsync),
        ("/v1/completions", LegacyCompletions.AnswerAsync),
        ("/v1/responses", ResponsesApi.AnswerAsync),
        ("/v1/embeddings", EmbeddingVectors.AnswerAsync),
        ("/v1/moderations", ModerationVerdicts.AnswerAsync),
        ("/v1/images/generations", ImageGenerations.AnswerAsync),
        ("/v1/images/edits", ImageEdits.AnswerAsync),
        ("/v1/images/variations", ImageVariations.AnswerAsync),
        ("/v1/audio/speech", Speech.AnswerAsync),
        ("/v1/audio/transcriptions", Transcriptions.AnswerAsync),
        ("/v1/audio/translations", Translations.AnswerAsync),
    ];

    private static readonly FrozenSet<string> Paths = Inference.Select(o => o.Path).Append(Models).ToFrozenSet(StringComparer.Ordinal);

    public static void MapProvider(this IEndpointRouteBuilder routes)
    {
        routes.MapGet(Models, (HttpContext context) => ModelList.ListAsync(Call.Of(context)))
            .WithMetadata(new Operation(Models, IsInference: false));
        routes.MapGet(OneModel + "{model}", (HttpContext context, string model) => ModelList.GetAsync(Call.Of(context), model))
            .WithMetadata(new Operation(OneModel, IsInference: false));
        routes.MapGet(RealtimeApi.Path, (HttpContext context) => RealtimeApi.AnswerAsync(Call.Of(context)))
            .WithMetadata(new Operation(RealtimeApi.Path, IsInference: true));
        foreach (var (path, answer) in Inference)
        {
            routes.MapPost(path, (HttpContext context) => answer(Call.Of(context)))
                .WithMetadata(new Operation(path, IsInference: true));
        }

        routes.MapObjects();
        routes.MapFallback("{**path}", (HttpContext context) => RefuseUnknownAsync(Call.Of(context)));
    }

    public static Task RefuseUnknownAsync(Call call)
    {
        var method = call.Context.Request.Method;
        var path = PathOf(call);
        return call.RefuseAsync(Paths.Contains(path)
            ? ProviderErrors.MethodNotSupported(method, path)
            : ProviderErrors.InvalidUrl(method, path));
    }

    /// <summary>The path as it stood on the wire: routing forgives case and closing slashes, the provider does not.</summary>
    public static string PathOf(Call call) => call.Recording.Target.Split('?', 2)[0];
}
