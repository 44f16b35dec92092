using OpenAI.Chat;

namespace TokenBroker.Samples.WebChat;

/// <summary>What the page posts: the model and the conversation so far.</summary>
internal sealed record ChatRequest(string Model, IReadOnlyList<ChatTurn> Turns);

internal sealed record ChatTurn(bool FromUser, string Text)
{
    public ChatMessage ToMessage() => FromUser ? new UserChatMessage(Text) : new AssistantChatMessage(Text);
}
