using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>The most tokens that a call can take, for its rate: text has no more of them than bytes, and no more than the model's window.</summary>
internal static class TokenBound
{
    public static long Of(CallRequest request, in WorstCost worst, ModelPrice price)
    {
        var input = (Int128)Math.Min(request.Bytes, price.ContextWindow ?? long.MaxValue);
        return (long)Int128.Min(input + ((Int128)worst.OutputTokens * request.Answers * request.Prompts), long.MaxValue / 4);
    }
}
