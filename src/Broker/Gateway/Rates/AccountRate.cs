using System.Globalization;

namespace TokenBroker.Gateway;

/// <summary>What an account may do: calls and tokens in a minute, and calls at one time.</summary>
internal readonly record struct RateLimits(int Requests, long Tokens, int Concurrent)
{
    /// <summary>As a header has it.</summary>
    public string RequestsText { get; } = Requests.ToString(CultureInfo.InvariantCulture);

    /// <inheritdoc cref="RequestsText"/>
    public string TokensText { get; } = Tokens.ToString(CultureInfo.InvariantCulture);
}

/// <summary>One account's calls: those of the last minute, their tokens, and those that run.</summary>
internal sealed class AccountRate
{
    private readonly Lock _lock = new();
    private RateWindow _requests;
    private RateWindow _tokens;
    private int _running;
    private long _lastUsed;
    private bool _closed;

    /// <summary>Takes a place and counts a call.</summary>
    /// <returns>Null where it was forgotten meanwhile and another must be taken; else the seconds to wait, zero where it may run.</returns>
    public long? TryEnter(in RateLimits limits, long part)
    {
        lock (_lock)
        {
            if (_closed)
            {
                return null;
            }

            _requests.Advance(part);
            _lastUsed = part;
            if (_running >= limits.Concurrent)
            {
                return 1;
            }

            if (_requests.Sum >= limits.Requests)
            {
                return _requests.WaitFor(1, limits.Requests) * RateWindow.SecondsOfPart;
            }

            _requests.Add(1);
            _running++;
            return 0;
        }
    }

    public void Leave()
    {
        lock (_lock)
        {
            _running--;
        }
    }

    /// <summary>Takes back a call that another account's limit refused.</summary>
    public void Undo(long part)
    {
        lock (_lock)
        {
            _requests.Correct(part, -1);
            _running--;
        }
    }

    /// <returns>The seconds to wait; zero where the tokens were counted.</returns>
    public long TryTakeTokens(long tokens, in RateLimits limits, long part)
    {
        lock (_lock)
        {
            _tokens.Advance(part);

            // A call that is larger than the limit has a whole minute for itself.
            tokens = Math.Min(tokens, limits.Tokens);
            if (tokens > limits.Tokens - _tokens.Sum)
            {
                return _tokens.WaitFor(tokens, limits.Tokens) * RateWindow.SecondsOfPart;
            }

            _tokens.Add(tokens);
            return 0;
        }
    }

    /// <summary>Puts what a call used in place of what was taken for it.</summary>
    public void CorrectTokens(long part, long taken, long used, in RateLimits limits)
    {
        lock (_lock)
        {
            _tokens.Correct(part, used - Math.Min(taken, limits.Tokens));
        }
    }

    /// <summary>What is left of both limits, and when each is whole again.</summary>
    public ((long Left, long ResetSeconds) Requests, (long Left, long ResetSeconds) Tokens) LeftOf(in RateLimits limits)
    {
        lock (_lock)
        {
            return (
                (Math.Max(0, limits.Requests - _requests.Sum), _requests.WaitForAll() * RateWindow.SecondsOfPart),
                (Math.Max(0, limits.Tokens - _tokens.Sum), _tokens.WaitForAll() * RateWindow.SecondsOfPart));
        }
    }

    /// <summary>Closes one that nobody uses and that remembers nothing of the last minute.</summary>
    public bool TryClose(long part)
    {
        lock (_lock)
        {
            return _closed = _closed || (_running == 0 && part - _lastUsed > 2 * RateWindow.Parts);
        }
    }
}
