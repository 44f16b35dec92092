namespace TokenBroker.Custody;

/// <summary>A key of the operator's own, read once from a file that the configuration names.</summary>
/// <param name="path">Null or empty where there is none.</param>
internal sealed class KeyFile(string? path) : IDisposable
{
    private readonly Secret? _key = path is { Length: > 0 } ? Secret.FromText(File.ReadAllText(path).Trim()) : null;

    /// <summary>The key as a header needs it; null where there is none.</summary>
    public string? Text => _key?.RevealText();

    public void Dispose() => _key?.Dispose();
}
