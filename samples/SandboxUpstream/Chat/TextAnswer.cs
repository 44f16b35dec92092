using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Chat;

/// <summary>The text that one choice of an answer has, already cut to the tokens allowed, and what it costs.</summary>
/// <param name="Text">The visible text.</param>
/// <param name="IsCut">Whether the limit ended it.</param>
/// <param name="ReasoningTokens">Hidden tokens, which count against the limit as well.</param>
internal sealed record TextAnswer(string Text, bool IsCut, int ReasoningTokens)
{
    /// <summary>Every token that is paid for: visible and hidden.</summary>
    public int Tokens => TokenCount.Of(Text) + ReasoningTokens;

    public static TextAnswer To(Call call, string asked, int? maxTokens) =>
        Of(call, call.Words.Events is { } pieces ? Reply.Of(pieces) : Reply.To(asked), maxTokens);

    public static TextAnswer Of(Call call, string text, int? maxTokens)
    {
        if (call.EchoesKey)
        {
            text = $"Your key is {call.Recording.Key} by the way. {text}";
        }

        var limit = maxTokens ?? int.MaxValue;
        var reasoning = Math.Min(call.Words.ReasoningTokens, limit);
        var visible = TokenCount.Cut(text, limit - reasoning);
        return new TextAnswer(visible, visible.Length < text.Length, reasoning);
    }
}
