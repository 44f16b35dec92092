using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>
/// What stands before every operation, in the provider's order: 1. the exact path, 2. headers that contradict each other,
/// 3. the key and its account, 4. the faults that were asked for. Only then does the operation read its parameters.
/// </summary>
internal sealed class Admission(RequestDelegate next, Keys keys, Faults faults)
{
    private static readonly string[] Single = ["Authorization", "Content-Type", "OpenAI-Organization", "OpenAI-Project"];

    public async Task InvokeAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<Operation>() is not { } operation)
        {
            await next(context);
            return;
        }

        var call = Call.Of(context);
        var path = Operations.PathOf(call);
        if (!operation.Is(path))
        {
            await Operations.RefuseUnknownAsync(call);
            return;
        }

        if (Refusal(call, operation) is { } error)
        {
            await call.RefuseAsync(error);
            return;
        }

        ProviderHeaders.SetAccount(call, operation.IsInference);
        if (call.Words.Misspelt is { } word)
        {
            await call.RefuseAsync(new ProviderError(400,
                $"The sandbox does not understand '[[{word}]]'. Its faults are: {string.Join(", ", Faults.Names)}.", Code: "sandbox_magic_word"));
            return;
        }

        call.Plan([.. faults.Take(path) is { } planned ? [planned] : Array.Empty<Fault>(), .. call.Words.Faults]);
        if (!await FaultAnswers.TryAnswerAsync(call))
        {
            await next(context);
        }
    }

    private ProviderError? Refusal(Call call, Operation operation)
    {
        var headers = call.Context.Request.Headers;
        if (Array.Find(Single, name => headers[name].Count > 1) is { } twice)
        {
            return ProviderErrors.DuplicateHeader(twice);
        }

        if (call.Recording.Key is not { } key)
        {
            call.Response.Headers.WWWAuthenticate = "Basic realm=\"OpenAI API\"";
            return ProviderErrors.MissingKey;
        }

        var behaviour = keys.Of(key);
        return behaviour switch
        {
            KeyBehaviour.Revoked => ProviderErrors.IncorrectKey(Keys.Quote(key)),
            _ when headers["OpenAI-Organization"] is [{ } organization] && organization != ProviderHeaders.Organization =>
                ProviderErrors.Mismatched("organization"),
            _ when headers["OpenAI-Project"] is [{ } project] && project != ProviderHeaders.Project =>
                ProviderErrors.Mismatched("project"),
            KeyBehaviour.Restricted when !operation.IsInference => ProviderErrors.MissingScopes("api.model.read") with { IsBare = true },
            KeyBehaviour.OverQuota when operation.IsInference => ProviderErrors.InsufficientQuota,
            _ => null,
        };
    }
}
