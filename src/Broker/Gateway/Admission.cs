using System.Globalization;
using TokenBroker.Metering;
using TokenBroker.Safety;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>A call that may be made. The lease and the call's reservation are the holder's to end.</summary>
internal sealed record Admitted(Call Call, OutgoingBody Body, CallLease Lease);

/// <summary>
/// Decides whether a call may be made: scope, rate, body, model, price and budget, cheapest first. All must say yes;
/// what cannot be known is a no. On a yes the worst cost is reserved.
/// </summary>
internal sealed class Admission(Rates rates, RequestBody bodies, PriceBook prices, BudgetLedger budgets, UsageLog usage, CallObjects objects)
{
    /// <summary>Below this many output tokens an answer is not worth its input: the call is refused instead.</summary>
    private const long LeastOutput = 64;

    /// <summary>As many output tokens as most answers have: a call may take all that is left to have them.</summary>
    private const long FairOutput = 1_024;
    private const int MostTries = 10;

    public async ValueTask<(Admitted? Admitted, GatewayError? Refusal)> AdmitAsync(
        HttpContext context, Caller caller, Upstream upstream, Found found, string path)
    {
        var operation = found.Operation;
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

        var lease = rates.Enter(caller.Facts);
        if (lease.Wait is { } wait)
        {
            RateHeaders.Write(context.Response, lease);
            return (null, GatewayError.RateLimited(wait));
        }

        var admitted = false;
        try
        {
            if (await objects.CheckAsync(caller, upstream, found, context.RequestAborted) is { } unreachable)
            {
                return (null, unreachable);
            }

            var (request, body, refusal) = await bodies.ReadAsync(context, operation);
            if (request is null)
            {
                return (null, refusal);
            }

            if (await objects.CheckAsync(caller, upstream, request.References, context.RequestAborted) is { } notTheirs)
            {
                return (null, notTheirs);
            }

            request.Model ??= found.ModelInPath;
            var price = request.Model is null ? null : prices.Find(upstream.PriceListId, request.Model);
            if (IsForbidden(caller, operation, request.Model, price))
            {
                return (null, price is null && request.Model is { } model && caller.Facts.Models?.Contains(model) != false
                    ? GatewayError.ModelNotPriced(model)
                    : GatewayError.ModelNotAllowed(request.Model));
            }

            var (reservation, mostOutput, notReserved) = await ReserveAsync(context, caller, operation, request, price, lease);
            if (reservation is null)
            {
                return (null, notReserved);
            }

            admitted = true;
            var call = new Call(caller, upstream, operation, request, key) { Price = price, Reservation = reservation, MostOutput = mostOutput, Path = path, Ids = found.Ids, CeilingMicros = operation.CeilingMicros, Lease = lease };
            NamePerson(caller.Facts.Safety, operation, request);
            call.Through = objects.Through(call);
            var outgoing = request.Upload is { } upload ? OutgoingBody.Of(upload, context.Request.ContentLength) : RequestBody.Apply(body, ref request.Edits);
            return (new Admitted(call, outgoing, lease), null);
        }
        finally
        {
            RateHeaders.Write(context.Response, lease);
            if (!admitted)
            {
                lease.Dispose();
            }
        }
    }

    /// <summary>What is not priced by its model may still run one: then the user's list holds, also for what runs later.</summary>
    public static bool IsForbidden(Caller caller, Operation operation, string? model, ModelPrice? price) => operation.Kind switch
    {
        OperationKind.Free => operation.Creates.Count > 0 && model is not null && caller.Facts.Models?.Contains(model) == false,
        OperationKind.Batch => false,
        OperationKind.Unpriced => caller.Facts.Models is { } models && (model is null || !models.Contains(model)),
        _ => !IsAllowed(caller, model, price),
    };

    /// <summary>The provider learns who calls by the broker's pseudonym alone, whatever the app wrote.</summary>
    private static void NamePerson(SafetyFacts safety, Operation operation, CallRequest request)
    {
        var value = operation.Kind == OperationKind.Message ? $"{{\"user_id\":{safety.Value}}}" : safety.Value;
        for (var i = 0; i < request.PersonAt.Count; i++)
        {
            var (offset, length) = request.PersonAt[i];
            request.Edits.Add(new BodyEdit(offset, length, value));
        }

        if (operation.Kind == OperationKind.Message && !request.HasSafetyIdentifier)
        {
            request.Edits.Add(new BodyEdit(request.AfterBrace, 0, $"\"metadata\":{value},"));
        }

        if (!request.HasSafetyIdentifier && safety.Member is { } member && operation.Kind is OperationKind.Chat or OperationKind.Response)
        {
            request.Edits.Add(new BodyEdit(request.AfterBrace, 0, member));
        }
    }

    private static bool IsAllowed(Caller caller, string? model, ModelPrice? price) =>
        model is not null && price is not null && (caller.Facts.Models is null || caller.Facts.Models.Contains(model));

    private async ValueTask<(BudgetReservation? Reservation, long MostOutput, GatewayError? Refusal)> ReserveAsync(
        HttpContext context, Caller caller, Operation operation, CallRequest request, ModelPrice? price, CallLease lease)
    {
        var line = caller.Facts.Budgets;
        if (operation.Kind is OperationKind.Free or OperationKind.Batch)
        {
            // A budget that is used up does not stop what costs nothing. What a batch costs is reserved once its lines are read.
            return (await budgets.TryReserveAsync(line, 0, context.RequestAborted), 0, null);
        }

        if (operation.Kind == OperationKind.Unpriced)
        {
            return operation.CeilingMicros is not { } ceiling ? (null, 0, GatewayError.NotPriced(null, $"What '{operation.Name}' costs cannot be bounded yet, so that it is not forwarded. The operator can set a ceiling."))
                : await budgets.TryReserveAsync(line, ceiling, context.RequestAborted) is { } claim ? (claim, 0, null)
                : (null, 0, await ExhaustedAsync(line, context.RequestAborted));
        }

        if (price is null || WorstCost.Of(operation.Kind, request, price) is not { } worst)
        {
            return (null, 0, request.Model is { } model ? GatewayError.ModelNotPriced(model) : GatewayError.ModelNotAllowed(null));
        }

        if (CallTier.WorstOf(operation, request, price) is not { } share)
        {
            return (null, 0, GatewayError.NotAllowed("service_tier", "This service tier has no known price here."));
        }

        worst = worst.At(share);
        if (lease.TryTakeTokens(TokenBound.Of(request, worst, price)) is { } wait)
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

        return (null, 0, await ExhaustedAsync(line, context.RequestAborted));
    }

    private async ValueTask<GatewayError> ExhaustedAsync(BudgetLine line, CancellationToken cancellationToken) =>
        GatewayError.Exhausted(await budgets.OpenAsync(line, cancellationToken));

    /// <summary>A quarter of what is left, so that parallel calls find some too; but an answer of use, where that is to be had.</summary>
    private static long Share(WorstCost worst, long leftMicros) =>
        Math.Max(worst.AffordableOutput(leftMicros / 4), Math.Min(FairOutput, worst.AffordableOutput(leftMicros)));

    /// <summary>Sets the output limit that the reservation pays for.</summary>
    private static void Shorten(CallRequest request, Operation operation, long tokens)
    {
        var limit = tokens.ToString(CultureInfo.InvariantCulture);
        if (request.MaxOutputAt.Count > 0)
        {
            for (var i = 0; i < request.MaxOutputAt.Count; i++)
            {
                var (offset, length) = request.MaxOutputAt[i];
                request.Edits.Add(new BodyEdit(offset, length, limit));
            }

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
