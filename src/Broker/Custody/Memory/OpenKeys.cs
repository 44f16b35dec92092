using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace TokenBroker.Custody;

/// <summary>
/// Upstream keys that are open in memory for a short time, so that a call in the steady state asks neither the
/// database nor the vault. Bounded in number, age and uses; opened once however many calls wait (single-flight); dropped
/// and zeroed at once when the key is deleted or replaced or its grant ends, and when the broker stops.
/// </summary>
internal sealed class OpenKeys(IServiceScopeFactory scopes, IOptions<OpenKeysOptions> options, TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<Guid, Entry> _entries = new();
    private long _openings;

    /// <summary>How often a key was opened since the start.</summary>
    public long Openings => Interlocked.Read(ref _openings);

    /// <summary>How many are open or being opened.</summary>
    public int Count => _entries.Count;

    /// <summary>The key as the text that a header needs.</summary>
    /// <returns>Null where the key was deleted, or ended with its token.</returns>
    /// <inheritdoc cref="Vaults.IKeyVault" path="/remarks"/>
    public async ValueTask<string?> RevealAsync(KeyUse use, CancellationToken cancellationToken)
    {
        while (true)
        {
            var entry = _entries.GetOrAdd(use.Id, static (_, of) => of.Self.NewEntry(of.use), (Self: this, use));
            var uses = entry.CountUse();
            if (time.GetElapsedTime(entry.OpenedAt) > options.Value.For || uses > options.Value.Uses)
            {
                Drop(use.Id, entry);
                continue;
            }

            try
            {
                var secret = await entry.Secret.Value.WaitAsync(cancellationToken);
                var text = secret?.RevealText();


                // Counting takes every lock of the dictionary: the one that is opened last is the one that may be too many.
                if (secret is null || (uses == 1 && _entries.Count > options.Value.Most))
                {
                    Drop(use.Id, entry);
                }

                return text;
            }
            catch (ObjectDisposedException) when (entry.IsDropped)
            {
                // Dropped between the look-up and the use: the next turn opens it again, or finds it gone.
            }
            catch (Exception) when (entry.Secret.Value.IsFaulted)
            {
                // A failure is not remembered here: the next call asks again, as far as the vault lets it.
                _entries.TryRemove(KeyValuePair.Create(use.Id, entry));
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

    /// <summary>Forgets what was opened for calls under a grant that has ended. Another grant that uses the same key opens it anew.</summary>
    public void DropOfGrant(Guid grantId)
    {
        foreach (var (keyId, entry) in _entries)
        {
            if (entry.GrantId == grantId)
            {
                Drop(keyId, entry);
            }
        }
    }

    /// <summary>Zeroes what is older than the age limit even where no call asks for it any more.</summary>
    public void DropOld()
    {
        var now = time.GetTimestamp();
        foreach (var (keyId, entry) in _entries)
        {
            if (time.GetElapsedTime(entry.OpenedAt, now) > options.Value.For)
            {
                Drop(keyId, entry);
            }
        }
    }

    /// <summary>Forgets all of them: any may have been replaced.</summary>
    public void DropAll()
    {
        foreach (var keyId in _entries.Keys)
        {
            Drop(keyId);
        }
    }

    public void Dispose() => DropAll();

    private void Drop(Guid keyId, Entry entry)
    {
        if (_entries.TryRemove(KeyValuePair.Create(keyId, entry)))
        {
            entry.IsDropped = true;
            _ = entry.Secret.Value.ContinueWith(
                static opened => { if (opened.IsCompletedSuccessfully) { opened.GetAwaiter().GetResult()?.Dispose(); } },
                CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private Entry NewEntry(KeyUse use) => new(use.GrantId, time.GetTimestamp(), () => OpenAsync(use));

    private async Task<Secret?> OpenAsync(KeyUse use)
    {
        Interlocked.Increment(ref _openings);
        await using var scope = scopes.CreateAsyncScope();
        return use.Carrier is { } carrier
            ? await scope.ServiceProvider.GetRequiredService<CarriedKeys>().OpenAsync(carrier, CancellationToken.None)
            : use.IsSponsors ? await scope.ServiceProvider.GetRequiredService<SponsorKeys>().OpenAsync(use.Id, CancellationToken.None)
            : await scope.ServiceProvider.GetRequiredService<UpstreamKeys>().OpenAsync(use.Id, CancellationToken.None);
    }

    private sealed class Entry(Guid grantId, long openedAt, Func<Task<Secret?>> open)
    {
        private int _uses;

        public Guid GrantId => grantId;

        public long OpenedAt => openedAt;

        public bool IsDropped { get; set; }

        public Lazy<Task<Secret?>> Secret { get; } = new(open);

        public int CountUse() => Interlocked.Increment(ref _uses);
    }
}
