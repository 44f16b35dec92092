using System.Globalization;

namespace TokenBroker.Gateway;

/// <summary>
/// Tells a call's client how much of its rate is left, in OpenAI's headers: of all the limits that the call counts
/// under, the tightest. They are ours and not the provider's, whose limits are of the user's whole account. Nothing is
/// allocated but what is left, in digits.
/// </summary>
internal static class RateHeaders
{
    private static readonly string[] s_names =
    [
        "x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests",
        "x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
    ];

    private static readonly string[] s_seconds = [.. Enumerable.Range(0, 61).Select(s => s == 60 ? "1m0s" : string.Create(CultureInfo.InvariantCulture, $"{s}s"))];

    public static void Write(HttpResponse response, CallLease lease)
    {
        var (requests, tokens) = (new Tightest(), new Tightest());
        foreach (var (rate, limits) in lease.Line)
        {
            var left = rate.LeftOf(limits);
            requests.Look(limits.Requests, limits.RequestsText, left.Requests);
            tokens.Look(limits.Tokens, limits.TokensText, left.Tokens);
        }

        Write(response.Headers, 0, requests);
        Write(response.Headers, 3, tokens);
    }

    /// <summary>Empties a response for an error of ours, and leaves these.</summary>
    public static void ClearAllElse(HttpResponse response)
    {
        var headers = response.Headers;
        var kept = headers.ContainsKey(s_names[0]) ? Array.ConvertAll(s_names, name => headers[name]) : null;
        response.Clear();
        for (var i = 0; i < kept?.Length; i++)
        {
            headers[s_names[i]] = kept[i];
        }
    }

    private static void Write(IHeaderDictionary headers, int at, in Tightest of)
    {
        headers[s_names[at]] = of.Text;
        headers[s_names[at + 1]] = of.Left.ToString(CultureInfo.InvariantCulture);
        headers[s_names[at + 2]] = s_seconds[of.ResetSeconds];
    }

    private struct Tightest
    {
        private long _limit = -1;

        public Tightest()
        {
        }

        public string Text { get; private set; } = "";

        public long Left { get; private set; } = long.MaxValue;

        public long ResetSeconds { get; private set; }

        public void Look(long limit, string text, (long Left, long ResetSeconds) now)
        {
            if (now.Left < Left || (now.Left == Left && limit < _limit))
            {
                (_limit, Text, Left, ResetSeconds) = (limit, text, now.Left, now.ResetSeconds);
            }
        }
    }
}
