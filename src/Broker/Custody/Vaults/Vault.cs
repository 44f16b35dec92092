using System.Collections.Concurrent;
using System.Security.Cryptography;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults;

/// <summary>A data key as the vault wrapped it, and the full, versioned id of the KEK that did.</summary>
internal readonly record struct WrappedKey(string KekId, byte[] Bytes);

/// <summary>
/// Wraps and unwraps data keys with the KEK of the first vault; the others are ones that keys are being moved from. Bounds
/// how long and how often the vaults are asked: a vault that fails is left alone for a moment, and calls are refused
/// meanwhile with how long to wait. Nothing is ever served around it.
/// </summary>
internal sealed class Vault(IReadOnlyList<IKeyVault> vaults, TimeSpan patience, TimeProvider time) : IDisposable
{
    /// <summary>How soon a rotation by another process is noticed. An old version may be retired once this has passed.</summary>
    public static readonly TimeSpan NoticesRotationWithin = TimeSpan.FromSeconds(30);

    private const int CallsAtOnce = 32;
    private readonly ConcurrentDictionary<(IKeyVault Vault, string KekId), Lazy<Task<IKeyEncryptionKey>>> _resolved = new();
    private readonly ConcurrentDictionary<(IKeyVault Vault, string? KekId), Breaker> _breakers = new();
    private readonly SemaphoreSlim _slots = new(CallsAtOnce);
    private readonly SemaphoreSlim _reading = new(1);
    private volatile Current? _current;
    private long _wraps;
    private long _unwraps;

    private sealed record Current(IKeyEncryptionKey Kek, long ReadAt);

    /// <summary>The vault that new data keys are wrapped by.</summary>
    public IKeyVault Main => vaults[0];

    /// <summary>All of them, <see cref="Main"/> first.</summary>
    public IReadOnlyList<IKeyVault> All => vaults;

    /// <summary>Why the main vault cannot be asked now; null while it answers.</summary>
    public Exception? Trouble => _breakers.TryGetValue((Main, null), out var breaker) ? breaker.Failure : null;

    /// <summary>How often the vaults were asked to wrap.</summary>
    public long Wraps => Interlocked.Read(ref _wraps);

    /// <summary>How often the vaults were asked to unwrap.</summary>
    public long Unwraps => Interlocked.Read(ref _unwraps);

    /// <summary>The versioned id of the KEK that new data keys are wrapped with.</summary>
    public async Task<string> CurrentKeyIdAsync(CancellationToken cancellationToken) => (await CurrentAsync(cancellationToken)).KeyId;

    /// <summary>Forgets which version is current and which were resolved, so that the next use asks the vault.</summary>
    public void Forget()
    {
        _current = null;
        _resolved.Clear();
    }

    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<WrappedKey> WrapAsync(ReadOnlyMemory<byte> dataKey, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        var kek = await CurrentAsync(cancellationToken);
        var wrapped = await GuardAsync(
            Main, kek.KeyId,
            token =>
            {
                Interlocked.Increment(ref _wraps);
                return kek is IBoundKeyEncryptionKey bound
                    ? bound.WrapKeyAsync(Main.Algorithm, dataKey, binding, token)
                    : kek.WrapKeyAsync(Main.Algorithm, dataKey, token);
            },
            cancellationToken);
        return new WrappedKey(kek.KeyId, wrapped);
    }

    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<Secret> UnwrapAsync(WrappedKey wrapped, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        // Two key files tell their ids apart only by what they hold: the next one is asked where one does not have it.
        var holding = vaults.Where(v => v.Holds(wrapped.KekId)).ToList();
        for (var i = 0; i < holding.Count - 1; i++)
        {
            try
            {
                return await UnwrapAsync(holding[i], wrapped, binding, cancellationToken);
            }
            catch (KeyNotFoundException)
            {
                // The next.
            }
        }

        return holding.Count > 0
            ? await UnwrapAsync(holding[^1], wrapped, binding, cancellationToken)
            : throw new KeyNotFoundException(
                $"No configured vault has the key '{wrapped.KekId}'; configured is {string.Join(", ", vaults.Select(v => v.Kind))}, with '{_current?.Kek.KeyId}'. "
                + "Restore the one that sealed this record, or configure it under Vault:Previous.");
    }

    private async Task<Secret> UnwrapAsync(IKeyVault vault, WrappedKey wrapped, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        var plain = await GuardAsync(
            vault, wrapped.KekId,
            async token =>
            {
                Interlocked.Increment(ref _unwraps);
                var kek = await ResolveAsync(vault, wrapped.KekId, token);
                try
                {
                    return kek is IBoundKeyEncryptionKey bound
                        ? await bound.UnwrapKeyAsync(vault.Algorithm, wrapped.Bytes, binding, token)
                        : await kek.UnwrapKeyAsync(vault.Algorithm, wrapped.Bytes, token);
                }
                catch (KeyNotFoundException)
                {
                    // It was retired since it was resolved. Should it come back, it is looked for anew.
                    _resolved.TryRemove((vault, wrapped.KekId), out _);
                    throw;
                }
            },
            cancellationToken);
        try
        {
            return new Secret(plain);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    /// <summary>Proves at start that each vault unwraps what it wraps, before anything is entrusted to it.</summary>
    public async Task CheckAsync(CancellationToken cancellationToken)
    {
        var probe = RandomNumberGenerator.GetBytes(32);
        var binding = new EnvelopeBinding("broker", "probe", "start");
        using var back = await UnwrapAsync(await WrapAsync(probe, binding, cancellationToken), binding, cancellationToken);
        if (!back.Reveal(bytes => bytes.SequenceEqual(probe)))
        {
            throw new InvalidOperationException($"The vault key '{await CurrentKeyIdAsync(cancellationToken)}' does not unwrap what it wraps. Nothing was stored.");
        }
    }

    public void Dispose()
    {
        foreach (var vault in vaults.OfType<IDisposable>())
        {
            vault.Dispose();
        }

        _slots.Dispose();
        _reading.Dispose();
    }

    private async Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken)
    {
        if (_current is { } known && time.GetElapsedTime(known.ReadAt) < NoticesRotationWithin)
        {
            return known.Kek;
        }

        await _reading.WaitAsync(cancellationToken);
        try
        {
            if (_current is { } read && time.GetElapsedTime(read.ReadAt) < NoticesRotationWithin)
            {
                return read.Kek;
            }

            var kek = await GuardAsync(Main, "current", Main.CurrentAsync, cancellationToken);
            _current = new Current(kek, time.GetTimestamp());
            return kek;
        }
        finally
        {
            _reading.Release();
        }
    }

    private async Task<IKeyEncryptionKey> ResolveAsync(IKeyVault vault, string kekId, CancellationToken cancellationToken)
    {
        if (_current is { } current && current.Kek.KeyId == kekId)
        {
            return current.Kek;
        }

        // Not under one caller's token: the others that wait would fail with it. A failure at once is a failed task too, since
        // one that is thrown here would be kept.
        var resolving = _resolved.GetOrAdd((vault, kekId), static key => new(async () => await key.Vault.ResolveAsync(key.KekId, CancellationToken.None)));
        try
        {
            return await resolving.Value.WaitAsync(cancellationToken);
        }
        catch (Exception) when (resolving.Value.IsFaulted || resolving.Value.IsCanceled)
        {
            _resolved.TryRemove(KeyValuePair.Create((vault, kekId), resolving));
            throw;
        }
    }

    /// <summary>Trouble with the vault stops every call to it for a moment; trouble with one key version those for that version.</summary>
    private async Task<T> GuardAsync<T>(IKeyVault vault, string kekId, Func<CancellationToken, Task<T>> call, CancellationToken cancellationToken)
    {
        var breaker = _breakers.GetOrAdd((vault, null), static (_, t) => new Breaker(t), time);
        var ofKey = _breakers.GetOrAdd((vault, kekId), static (_, t) => new Breaker(t), time);
        if (!ofKey.TryEnter(out _, out var triesKey))
        {
            throw new VaultRefusedException(ofKey.Failure?.Message ?? "The vault refused this key a moment ago.", ofKey.Failure);
        }

        if (!breaker.TryEnter(out var wait, out var triesVault))
        {
            ofKey.GaveUp(triesKey);
            throw new VaultUnavailableException(breaker.Failure?.Message ?? "The vault did not answer a moment ago.", wait, breaker.Failure);
        }

        using var patient = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patient.CancelAfter(patience);
        try
        {
            await _slots.WaitAsync(patient.Token);
            try
            {
                var result = await call(patient.Token).WaitAsync(patient.Token);
                breaker.Succeeded(triesVault);
                ofKey.Succeeded(triesKey);
                return result;
            }
            finally
            {
                _slots.Release();
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            breaker.GaveUp(triesVault);
            ofKey.GaveUp(triesKey);
            throw;
        }
        catch (Exception exception) when (exception is OperationCanceledException or HttpRequestException or IOException or TimeoutException or VaultUnavailableException)
        {
            var unavailable = exception as VaultUnavailableException
                ?? new VaultUnavailableException(
                    exception is OperationCanceledException ? $"The {vault.Kind} vault did not answer within {patience.TotalSeconds:0.#} s." : $"The {vault.Kind} vault cannot be reached: {exception.Message}",
                    null, exception);
            breaker.Failed(unavailable, unavailable.RetryAfter, triesVault);
            ofKey.GaveUp(triesKey);
            throw unavailable;
        }
        catch (Exception exception)
        {
            // It did answer. What is wrong is this key, or what was given to it.
            breaker.Succeeded(triesVault);
            if (exception is VaultRefusedException)
            {
                ofKey.Failed(exception, null, triesKey);
            }
            else
            {
                ofKey.Succeeded(triesKey);
            }

            throw;
        }
    }
}
