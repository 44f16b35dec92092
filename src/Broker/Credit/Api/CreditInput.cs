using System.Globalization;

namespace TokenBroker.Credit.Api;

/// <summary>A top-up, or what of one goes back: whose, and how much in one of two ways.</summary>
/// <param name="User">The user as the app knows them: <c>sub</c>. The operator may give an address.</param>
/// <param name="Amount">Dollars as a decimal text: a number of JSON may be rounded on its way.</param>
/// <param name="AmountMicros">Micro-dollars.</param>
/// <param name="Currency"><c>USD</c>, where it is given.</param>
/// <param name="Note">For the user to read.</param>
/// <param name="TopUp">Of a refund: the top-up's id, or the key that it was posted under.</param>
internal sealed record CreditInput(string? User, string? Amount, long? AmountMicros, string? Currency, string? Note, string? TopUp)
{
    /// <returns>Null where it is no amount, above the most, or given twice.</returns>
    public long? Micros(long most)
    {
        if ((Amount is null) == (AmountMicros is null) || (Currency is not null && Currency != "USD"))
        {
            return null;
        }

        var micros = AmountMicros;
        if (Amount is { } text)
        {
            var isNumber = decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var dollars);
            micros = isNumber && text.Length <= 20 && dollars <= most / 1_000_000m && decimal.Truncate(dollars * 1_000_000) == dollars * 1_000_000 ? (long)(dollars * 1_000_000) : null;
        }

        return micros > 0 && micros <= most ? micros : null;
    }
}

/// <summary>What was posted, the same at each repetition.</summary>
internal sealed record CreditAnswer(Guid Id, string Kind, string User, long AmountMicros, string Currency, long BalanceMicros, DateTime At);
