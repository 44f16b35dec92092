using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// What a session may do under its grant, as the grant is now: a session lasts an hour, and the user may narrow what they
/// allowed in the meantime. What ends the grant cuts the session at once; what narrows it counts from the next response.
/// </summary>
internal sealed class SessionTerms(Caller caller, Operation operation, string model, string priceListId, LiveGrants grants, PriceBook prices)
{
    private readonly LiveGrant _first = caller.Grant;
    private volatile LiveGrant _grant = caller.Grant;
    private volatile GrantFacts _facts = caller.Facts;

    public Caller Caller => caller;

    public string Model => model;

    public GrantFacts Facts => _facts;

    /// <summary>Cancelled when the session must end.</summary>
    public CancellationToken Cut => _first.Cut;

    public GatewayError CutError => Call.ErrorOf(_first.CutReason);

    /// <returns>Null where the model is not allowed, or has no price for this purpose.</returns>
    public ModelPrice? PriceOf(string name, OperationKind kind) =>
        (_facts.Models is null || _facts.Models.Contains(name)) && prices.Find(priceListId, name) is { } price && Covers(price, kind) ? price : null;

    /// <summary>What something that was allowed when it began costs, whatever is allowed now.</summary>
    public ModelPrice? PriceAnyway(string name) => prices.Find(priceListId, name);

    /// <summary>Reads the grant anew where it changed.</summary>
    /// <returns>The refusal of a session that the grant no longer allows.</returns>
    public async ValueTask<GatewayError?> RenewAsync(CancellationToken cancellationToken)
    {
        while (_grant.IsStale)
        {
            if (Cut.IsCancellationRequested)
            {
                return CutError;
            }

            var grant = grants.Get(caller.Grant.Id);
            try
            {
                if (await grant.Facts.WaitAsync(cancellationToken) is not { } facts)
                {
                    return GatewayError.GrantRevoked;
                }

                (_grant, _facts) = (grant, facts);
            }
            catch (Exception) when (grant.Facts.IsFaulted)
            {
                grants.Retry(grant);
                throw;
            }
        }

        return _facts.IsPaused ? GatewayError.GrantPaused
            : !_facts.Scopes.Contains(operation.Scope) ? GatewayError.InsufficientScope(operation.Scope)
            : PriceOf(model, OperationKind.Realtime) is null ? GatewayError.ModelNotAllowed(model)
            : null;
    }

    private static bool Covers(ModelPrice price, OperationKind kind) => kind switch
    {
        // One without audio rates is no model of sessions, and what its sound costs is not known.
        OperationKind.Realtime => price is { Input: not null, Output: not null, AudioInput: not null, AudioOutput: not null },
        OperationKind.Transcription => price.AudioSeconds is not null || price is { Input: not null, Output: not null },
        _ => false,
    };
}
