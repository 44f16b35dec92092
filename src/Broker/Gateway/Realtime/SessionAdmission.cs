using TokenBroker.Custody;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>A session that may be opened. The lease and the claims are the holder's to end.</summary>
internal sealed record AdmittedSession(Caller Caller, Operation Operation, string Model, KeyUse Key, CallLease Lease, SessionClaims Claims);

/// <summary>Decides whether a session may be opened: scope, rate, place, model, price, and the first response's worst cost.</summary>
internal sealed class SessionAdmission(
    Rates rates, LiveGrants grants, PriceBook prices, BudgetLedger budgets, UsageLog usage, TimeProvider time)
{
    public async Task<(AdmittedSession? Admitted, GatewayError? Refusal)> AdmitAsync(
        Caller caller, Upstream upstream, Operation operation, string model, CancellationToken cancellationToken)
    {
        if (!caller.Scopes.Contains(operation.Scope))
        {
            return (null, GatewayError.InsufficientScope(operation.Scope));
        }

        if (caller.Key is not { } key)
        {
            return (null, caller.NoKey);
        }

        if (!usage.HasRoom)
        {
            return (null, GatewayError.Internal);
        }

        CallLease? lease = rates.Enter(caller.Facts);
        if (lease.Wait is { } wait)
        {
            return (null, GatewayError.RateLimited(wait));
        }

        SessionClaims? claims = null;
        try
        {
            var terms = new SessionTerms(caller, operation, model, upstream.PriceListId, grants, prices);
            if (terms.PriceOf(model, OperationKind.Realtime) is not { } price)
            {
                return (null, GatewayError.ModelNotAllowed(model));
            }

            claims = new SessionClaims(terms, price, new SessionRows(terms, key.Id, usage, time), budgets, time);
            if (await claims.OpenAsync(cancellationToken) is { } notReserved)
            {
                return (null, notReserved);
            }

            var admitted = new AdmittedSession(caller, operation, model, key, lease, claims);
            (lease, claims) = (null, null);
            return (admitted, null);
        }
        finally
        {
            claims?.Dispose();
            lease?.Dispose();
        }
    }
}
