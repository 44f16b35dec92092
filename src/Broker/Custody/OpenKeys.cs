using System.Collections.Concurrent;

namespace TokenBroker.Custody;

/// <summary>
/// Upstream keys that are open in memory for a short time, so that a call in the steady state asks neither the
/// database nor the vault. Bounded in number and age; opened once however many calls wait (single-flight); dropped
/// and zeroed at once when the key is deleted or replaced, and when the broker stops.
/// </summary>
internal sealed class OpenKeys(IServiceScopeFactory scopes, TimeProvider time) : IDisposable
{
    private const int MostKeys = 10_000;
    private static readonly TimeSpan MaxAge = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<Guid, Entry> _entries = new();

    /// <summary>The key as the text that a header needs.</summary>
    /// <returns>Null where the key was deleted.</returns>
    public async ValueTask<string?> RevealAsync(Guid keyId, CancellationToken cancellationToken)
    {
        while (true)
        {
            var entry = _entries.GetOrAdd(keyId, static (id, self) => self.NewEntry(id), this);
            if (time.GetElapsedTime(entry.OpenedAt) > MaxAge)
            {
                Drop(keyId, entry);
                continue;
            }

            try
            {
                var secret = await entry.Secret.Value.WaitAsync(cancellationToken);
                if (secret is null || _entries.Count > MostKeys)
                {
                    _entries.TryRemove(KeyValuePair.Create(keyId, entry));
                }

                return secret?.RevealText();
            }
            catch (ObjectDisposedException)
            {
                // Dropped between the look-up and the use: the next turn opens it again, or finds it gone.
                _entries.TryRemove(KeyValuePair.Create(keyId, entry));
            }
            catch (Exception) when (entry.Secret.Value.IsFaulted)
            {
                // A failure is not remembered: the next call tries the vault again.
                _entries.TryRemove(KeyValuePair.Create(keyId, entry));
                throw;
            }
        }
    }

    /// <summary>Forgets a key that was deleted or replaced.</summary>
    public void Drop(Guid keyId)
    {
        if (_entries.TryGetValue(keyId, out var entry))
        {
            Drop(keyId, entry);
        }
    }

    /// <summary>Zeroes what is older than the age limit even where no call asks for it any more.</summary>
    public void DropOld()
    {
        var now = time.GetTimestamp();
        foreach (var (keyId, entry) in _entries)
        {
            if (time.GetElapsedTime(entry.OpenedAt, now) > MaxAge)
            {
                Drop(keyId, entry);
            }
        }
    }

    public void Dispose()
    {
        foreach (var keyId in _entries.Keys)
        {
            Drop(keyId);
        }
    }

    private void Drop(Guid keyId, Entry entry)
    {
        if (_entries.TryRemove(KeyValuePair.Create(keyId, entry)))
        {
            _ = entry.Secret.Value.ContinueWith(
                static opened => { if (opened.IsCompletedSuccessfully) { opened.GetAwaiter().GetResult()?.Dispose(); } },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private Entry NewEntry(Guid keyId) => new(time.GetTimestamp(), () => OpenAsync(keyId));

    private async Task<Secret?> OpenAsync(Guid keyId)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<UpstreamKeys>().OpenAsync(keyId, CancellationToken.None);
    }

    private sealed class Entry(long openedAt, Func<Task<Secret?>> open)
    {
        public long OpenedAt => openedAt;

        public Lazy<Task<Secret?>> Secret { get; } = new(open);
    }
}
