using TokenBroker.Safety;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Judges a line of a batch as the call that it will be. What the gateway would change in such a call it cannot change
/// here, since the file is the provider's by then: a line has to be as the changed call would be, or is refused.
/// </summary>
internal sealed class BatchRules(CallObjects objects, PriceBook prices, ContentCheck content)
{
    private const string Prefix = "/v1";

    /// <returns>The most that it can cost, or why it may not be made.</returns>
    public async ValueTask<(long Micros, GatewayError? Refusal)> JudgeAsync(
        Caller caller, Upstream upstream, ReadOnlyMemory<byte> text, CancellationToken cancellationToken)
    {
        if (BatchLine.Read(text) is not { } line)
        {
            return (0, GatewayError.InvalidRequest("It is not a JSON object of custom_id, method POST, url and body alone, each once."));
        }

        if (!line.Url.StartsWith(Prefix + "/", StringComparison.Ordinal) || upstream.Find("POST", line.Url[Prefix.Length..]) is not { Refusal: null } found
            || found.Operation is not { Kind: OperationKind.Chat or OperationKind.Completion or OperationKind.Response or OperationKind.Embedding } operation)
        {
            return (0, GatewayError.NotAllowed("url", "Its url is none that runs in batches here: chat completions, completions, responses and embeddings do."));
        }

        if (!caller.Scopes.Contains(operation.Scope))
        {
            return (0, GatewayError.InsufficientScope(operation.Scope));
        }

        var (request, refusal) = JsonRequest.Read(line.Body.Span, operation.Kind);
        refusal ??= ReferenceReader.Read(line.Body.Span, isEval: false, request!) ?? WhatCannotBeChanged(request!);
        refusal ??= await objects.CheckAsync(caller, upstream, request!.References, cancellationToken);
        if (refusal is not null)
        {
            return (0, refusal);
        }

        return content.IsWanted(caller.Facts.Safety, operation.Kind, request!.Model)
            ? (0, GatewayError.ContentUnreadable)
            : WorstOf(caller, upstream, operation, request);
    }

    private static GatewayError? WhatCannotBeChanged(CallRequest request) =>
        request.Stream ? GatewayError.InvalidRequest("It is a stream, which batches are not.", "stream")
        : request.IsBackground ? GatewayError.InvalidRequest("It asks for the background, where a batch is already.", "background")
        : request.Tier is not (null or "default") ? GatewayError.NotAllowed("service_tier", "A batch has a service tier of its own.")
        : request.PersonAt.Count > 0 ? GatewayError.NotAllowed("user", "It names a person, whom the provider knows by the broker's pseudonym alone: leave that out.")
        : request.Stores || NeedsChange(request)
            ? GatewayError.NotAllowed("store", "It would leave its answer with the provider, as nobody's: write \"store\": false.")
        : null;

    /// <summary>Whether a call with this body would be sent with another; that <c>store</c> is false already is no change.</summary>
    private static bool NeedsChange(CallRequest request)
    {
        for (var i = 0; i < request.Edits.Count; i++)
        {
            if (request.Edits[i].Removed != "false".Length)
            {
                return true;
            }
        }

        return false;
    }

    private (long Micros, GatewayError? Refusal) WorstOf(Caller caller, Upstream upstream, Operation operation, CallRequest request)
    {
        if (request.Model is not { } model || prices.Find(upstream.PriceListId, model) is not { } price
            || caller.Facts.Models?.Contains(model) == false || WorstCost.Of(operation.Kind, request, price) is not { } worst)
        {
            return (0, GatewayError.ModelNotAllowed(request.Model));
        }

        return (worst.At(price.Tiers.Of(ServiceTiers.Batch) ?? ServiceTiers.Standard).TotalMicros, null);
    }
}
