using TokenBroker.Metering;

namespace TokenBroker.Gateway;

/// <summary>Money that is held for one response or transcript. It grows with what the conversation holds, and ends once: settled or given back.</summary>
internal sealed class Claim
{
    /// <summary>It grows by whole cents where there are any, so that not each piece of sound is a change of the books.</summary>
    private const long Step = 10_000;

    private readonly List<BudgetReservation> _parts = [];

    public long Micros { get; private set; }

    /// <summary>The part that the cost is written under.</summary>
    public BudgetReservation First => _parts[0];

    /// <returns>The claim, now at least so large; null where the budget does not hold it, and then nothing has changed.</returns>
    public static async ValueTask<Claim?> GrowAsync(Claim? held, long toMicros, SessionPurse purse, CancellationToken cancellationToken)
    {
        if (held is not null && held.Micros >= toMicros)
        {
            return held;
        }

        var missing = toMicros - (held?.Micros ?? 0);
        var whole = (missing + Step - 1) / Step * Step;
        var part = await purse.TryReserveAsync(whole, cancellationToken);
        if (part is null)
        {
            whole = missing;
            part = await purse.TryReserveAsync(whole, cancellationToken);
        }

        if (part is null)
        {
            return null;
        }

        held ??= new Claim();
        held._parts.Add(part);
        held.Micros += whole;
        return held;
    }

    /// <summary>For what happened although nothing was claimed for it: it counts all the same.</summary>
    public static async ValueTask<Claim> OfNothingAsync(SessionPurse purse, CancellationToken cancellationToken)
    {
        var claim = new Claim();
        claim._parts.Add(await purse.ReserveNothingAsync(cancellationToken));
        return claim;
    }

    public void Settle(long costMicros)
    {
        // The cost first: what is given back before it counts could be taken by another call.
        _parts[0].Settle(costMicros);
        _parts.Skip(1).ToList().ForEach(part => part.Dispose());
    }

    public void Release() => _parts.ForEach(part => part.Dispose());
}
