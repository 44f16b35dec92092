namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>What must hold. The messages go to the console, so nobody passes a secret as expected or actual.</summary>
internal static class Expect
{
    public static void Equal<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new UnmetException($"{what}: expected {expected}, got {actual}");
        }
    }

    public static void That(bool holds, string expected, string? got = null)
    {
        if (!holds)
        {
            throw new UnmetException($"expected {expected}, got {got ?? "something else"}");
        }
    }

    public static T Found<T>(T? value, string expected, string? got = null)
        where T : class =>
        value ?? throw new UnmetException($"expected {expected}, got {got ?? "nothing"}");
}

/// <summary>An expectation that did not hold.</summary>
internal sealed class UnmetException(string message) : Exception(message);
