using TokenBroker.Metering;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>What a call used, and what that costs.</summary>
/// <param name="Tokens">As the provider reported it, or as it is estimated.</param>
/// <param name="Estimated">Whether the provider reported nothing.</param>
/// <param name="Micros">In micro-dollars.</param>
/// <param name="Tier">The service tier that it is charged by; null for the usual one.</param>
internal readonly record struct Charge(TokenUsage Tokens, bool Estimated, long Micros, string? Tier)
{
    /// <param name="id">The call's own name, where it has one.</param>
    /// <param name="grantId">The grant that the user knows: what a child grant used is shown with it.</param>
    /// <param name="operation">The operation's name in the catalogue.</param>
    /// <param name="model">As the app named it.</param>
    /// <param name="status">The status that the app received.</param>
    /// <param name="elapsed">How long it took.</param>
    /// <param name="now">When it ended.</param>
    public Usage ToRow(Guid id, Guid grantId, string operation, string? model, int status, TimeSpan elapsed, DateTimeOffset now) => new()
    {
        Id = id,
        GrantId = grantId,
        At = now.UtcDateTime,
        Operation = operation,
        Model = model,
        InputTokens = Tokens.Input,
        CachedInputTokens = Tokens.CachedInput,
        CacheWriteTokens = Tokens.CacheWrite,
        AudioInputTokens = Tokens.AudioInput,
        OutputTokens = Tokens.Output,
        ReasoningTokens = Tokens.Reasoning,
        AudioOutputTokens = Tokens.AudioOutput,
        ServiceTier = Tier,
        CostMicros = Micros,
        Estimated = Estimated,
        Status = status,
        DurationMs = (int)Math.Min(int.MaxValue, elapsed.TotalMilliseconds),
    };
}
