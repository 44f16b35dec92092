using Microsoft.Extensions.Options;
using TokenBroker.Custody;

namespace TokenBroker.Safety;

/// <summary>The operator's own key for moderation, where there is one.</summary>
internal sealed class ModerationKey(IOptions<ModerationOptions> options) : IDisposable
{
    private readonly KeyFile _file = new(options.Value.KeyFile);

    /// <summary>Null where each call's own key is used.</summary>
    public string? Text => _file.Text;

    public void Dispose() => _file.Dispose();
}
