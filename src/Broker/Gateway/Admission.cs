using System.Globalization;
using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>A call that may be made. The lease and the call's reservation are the holder's to end.</summary>
internal sealed record Admitted(Call Call, OutgoingBody Body, CallLease Lease);

/// <summary>
/// Decides whether a call may be made: scope, rate, body, model, price and budget, cheapest first. All must say yes;
/// what cannot be known is a no. On a yes the worst cost is reserved.
/// </summary>
internal sealed class Admission(Rates rates, RequestBody bodies, PriceTable prices, BudgetLedger budgets, UsageLog usage)
{
    /// <summary>Below this many output tokens an answer is not worth its input: the call is refused instead.</summary>
    private const long LeastOutput = 64;

    /// <summary>As many output tokens as most answers have: a call may take all that is left to have them.</summary>
    private const long FairOutput = 1_024;
    private const int MostTries = 10;

    public async Task<(Admitted? Admitted, GatewayError? Refusal)> AdmitAsync(
        HttpContext context, Caller caller, Upstream upstream, Operation operation, string path, string? modelInPath)
    {
        if (!caller.Scopes.Contains(operation.Scope))
        {
            return (null, GatewayError.InsufficientScope(operation.Scope));
        }

        if (caller.Key is not { } key)
        {
            return (null, caller.Facts.CarriesKey ? GatewayError.KeyNotCarried : GatewayError.KeyRemoved);
        }

        if (!usage.HasRoom)
        {
            return (null, GatewayError.Internal);
        }

        var lease = rates.Enter(caller.Facts);
        RateHeaders.Write(context.Response, lease);
        if (lease.Wait is { } wait)
        {
            return (null, GatewayError.RateLimited(wait));
        }

        var admitted = false;
        try
        {
            var (request, body, refusal) = await bodies.ReadAsync(context, operation);
            if (request is null)
            {
                return (null, refusal);
            }

            request.Model ??= modelInPath;
            var price = request.Model is null ? null : prices.Find(request.Model);
            if (operation.Kind != OperationKind.Free && !IsAllowed(caller, request.Model, price))
            {
                return (null, GatewayError.ModelNotAllowed(request.Model));
            }

            var (reservation, mostOutput, notReserved) = await ReserveAsync(context, caller, operation, request, price, lease);
            if (reservation is null)
            {
                return (null, notReserved);
            }

            admitted = true;
            var call = new Call(caller, upstream, operation, request, key) { Price = price, Reservation = reservation, MostOutput = mostOutput, Path = path, Lease = lease };
            return (new Admitted(call, OutgoingBody.Of(RequestBody.Apply(body, request.Edits)), lease), null);
        }
        finally
        {
            if (!admitted)
            {
                lease.Dispose();
            }
        }
    }

    private static bool IsAllowed(Caller caller, string? model, ModelPrice? price) =>
        model is not null && price is not null && (caller.Facts.Models is null || caller.Facts.Models.Contains(model));

    private async Task<(BudgetReservation? Reservation, long MostOutput, GatewayError? Refusal)> ReserveAsync(
        HttpContext context, Caller caller, Operation operation, CallRequest request, ModelPrice? price, CallLease lease)
    {
        var line = caller.Facts.Budgets;
        if (operation.Kind == OperationKind.Free)
        {
            // A budget that is used up does not stop what costs nothing.
            return (await budgets.TryReserveAsync(line, 0, context.RequestAborted), 0, null);
        }

        if (price is null || WorstCost.Of(operation.Kind, request, price) is not { } worst)
        {
            return (null, 0, GatewayError.ModelNotAllowed(request.Model));
        }

        var tooMany = lease.TryTakeTokens(TokenBound.Of(request, worst, price));
        RateHeaders.Write(context.Response, lease);
        if (tooMany is { } wait)
        {
            return (null, 0, GatewayError.RateLimited(wait));
        }

        if (await budgets.TryReserveAsync(line, worst.TotalMicros, context.RequestAborted) is { } whole)
        {
            return (whole, worst.OutputTokens, null);
        }

        // The worst case does not fit. A text answer may be made shorter; parallel calls may take what was just seen.
        var open = await budgets.OpenAsync(line, context.RequestAborted);
        for (var tries = 0; worst.OutputRate > 0 && tries < MostTries; tries++)
        {
            var affordable = Share(worst, open.Left().Micros);
            if (affordable < Math.Min(LeastOutput, worst.OutputTokens))
            {
                break;
            }

            if (await budgets.TryReserveAsync(line, (worst with { OutputTokens = affordable }).TotalMicros, context.RequestAborted) is { } shortened)
            {
                Shorten(request, operation, affordable);
                return (shortened, affordable, null);
            }
        }

        return (null, 0, GatewayError.BudgetExhausted(open.Left().Of is { } tightest ? open.Now.ResetsAt(tightest.Book.Key.Kind) : null));
    }

    /// <summary>A quarter of what is left, so that parallel calls find some too; but an answer of use, where that is to be had.</summary>
    private static long Share(WorstCost worst, long leftMicros) =>
        Math.Max(worst.AffordableOutput(leftMicros / 4), Math.Min(FairOutput, worst.AffordableOutput(leftMicros)));

    /// <summary>Sets the output limit that the reservation pays for.</summary>
    private static void Shorten(CallRequest request, Operation operation, long tokens)
    {
        var limit = tokens.ToString(CultureInfo.InvariantCulture);
        if (request.MaxOutputAt.Count > 0)
        {
            request.Edits.AddRange(request.MaxOutputAt.Select(at => new BodyEdit(at.Offset, at.Length, limit)));
            return;
        }

        var member = operation.Kind switch
        {
            OperationKind.Chat => "max_completion_tokens",
            OperationKind.Response => "max_output_tokens",
            _ => "max_tokens",
        };
        request.Edits.Add(new BodyEdit(request.AfterBrace, 0, $"\"{member}\":{limit},"));
    }
}
