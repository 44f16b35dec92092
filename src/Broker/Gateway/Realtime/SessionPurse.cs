using TokenBroker.Metering;

namespace TokenBroker.Gateway;

/// <summary>What a session is paid from, as its grant is now.</summary>
internal sealed class SessionPurse(SessionTerms terms, BudgetLedger budgets)
{
    private BudgetLine Line => terms.Facts.Budgets;

    /// <returns>Null where the budget does not hold it.</returns>
    public ValueTask<BudgetReservation?> TryReserveAsync(long micros, CancellationToken cancellationToken) =>
        budgets.TryReserveAsync(Line, micros, cancellationToken);

    /// <summary>For what happened although nothing was claimed for it: it counts all the same.</summary>
    /// <exception cref="InvalidOperationException">The books cannot be opened.</exception>
    public async ValueTask<BudgetReservation> ReserveNothingAsync(CancellationToken cancellationToken) =>
        await budgets.TryReserveAsync(Line, 0, cancellationToken)
        ?? throw new InvalidOperationException("A claim of nothing was refused.");

    public async ValueTask<GatewayError> ExhaustedAsync(CancellationToken cancellationToken) =>
        GatewayError.Exhausted(await budgets.OpenAsync(Line, cancellationToken));
}
