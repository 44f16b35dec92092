using Microsoft.Extensions.Options;
using TokenBroker.Custody;

namespace TokenBroker.Safety;

/// <summary>The operator's own key for moderation, read from its file when the broker starts.</summary>
internal sealed class ModerationKey(IOptions<ModerationOptions> options) : IDisposable
{
    private readonly Secret? _key = options.Value.KeyFile is { Length: > 0 } file ? Secret.FromText(File.ReadAllText(file).Trim()) : null;

    /// <summary>Null where each call's own key is used.</summary>
    public string? Text => _key?.RevealText();

    public void Dispose() => _key?.Dispose();
}
