using Microsoft.Extensions.Options;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>
/// What the sandbox received, oldest first. An exchange appears when its body has arrived (or its caller went away)
/// and is updated until it is finished. Waiting is woken by each change and never polls. Whole keys are kept, so that
/// a test can assert which one was used: use invented keys only.
/// </summary>
public sealed class Journal(TimeProvider clock, IOptions<SandboxOptions> options)
{
    /// <summary>The most of one body that is kept; a longer one is refused with 413.</summary>
    public const int MaxBodyBytes = 64 * 1024 * 1024;

    private readonly Lock gate = new();
    private readonly List<Recording> entries = [];
    private readonly List<Waiter> waiters = [];
    private long sequence;

    /// <summary>
    /// Requests whose headers arrived since the start, whether or not they are listed: "the upstream was never called" is
    /// an unchanged number.
    /// </summary>
    public long Arrived => Interlocked.Read(ref sequence);

    /// <summary>The exchanges as they are now.</summary>
    public IReadOnlyList<Exchange> Snapshot()
    {
        lock (gate)
        {
            return [.. entries.Select(entry => entry.Copy())];
        }
    }

    /// <summary>Forgets every exchange; requests that are still open do not come back.</summary>
    public void Clear()
    {
        lock (gate)
        {
            entries.Clear();
        }
    }

    /// <summary>The first exchange, already here or still to come, that fits.</summary>
    public async Task<Exchange> WaitForAsync(Func<Exchange, bool> predicate, CancellationToken cancellationToken)
    {
        Exchange? found = null;
        await WaitForAllAsync(
            exchanges => (found = exchanges.FirstOrDefault(predicate)) is not null,
            cancellationToken);
        return found!;
    }

    /// <inheritdoc cref="WaitForAsync(Func{Exchange, bool}, CancellationToken)"/>
    /// <exception cref="TimeoutException">Nothing fitted in time; the message lists what was received.</exception>
    public async Task<Exchange> WaitForAsync(
        Func<Exchange, bool> predicate, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        // Real time on purpose: under a frozen test clock the wait would have no end.
        using var limit = new CancellationTokenSource(timeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        try
        {
            return await WaitForAsync(predicate, either.Token);
        }
        catch (OperationCanceledException exception) when (limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw new TimeoutException(
                $"No exchange fitted within {timeout}. Received: {string.Join("; ", Snapshot().DefaultIfEmpty<object>("nothing"))}", exception);
        }
    }

    /// <summary>Waits until the list as a whole fits, for example until it has two finished exchanges.</summary>
    public async Task<IReadOnlyList<Exchange>> WaitForAllAsync(
        Func<IReadOnlyList<Exchange>, bool> predicate, CancellationToken cancellationToken)
    {
        var waiter = new Waiter(predicate);
        lock (gate)
        {
            waiters.Add(waiter);
            waiter.Look(Snapshot());
        }

        try
        {
            return await waiter.Found.WaitAsync(cancellationToken);
        }
        finally
        {
            lock (gate)
            {
                waiters.Remove(waiter);
            }
        }
    }

    internal Recording Arrive(HttpContext context) =>
        new(this, Interlocked.Increment(ref sequence), context, clock.GetUtcNow());

    internal void List(Recording entry)
    {
        lock (gate)
        {
            entries.Add(entry);
            if (entries.Count > options.Value.JournalCapacity)
            {
                entries.RemoveAt(0);
            }
        }
    }

    /// <summary>Applies a change under the lock and wakes whoever waits for it.</summary>
    internal void Change(Action<DateTimeOffset> change)
    {
        lock (gate)
        {
            change(clock.GetUtcNow());
            if (waiters.Count == 0)
            {
                return;
            }

            var now = Snapshot();
            waiters.ForEach(waiter => waiter.Look(now));
        }
    }

    private sealed class Waiter(Func<IReadOnlyList<Exchange>, bool> predicate)
    {
        private readonly TaskCompletionSource<IReadOnlyList<Exchange>> found =
            new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<IReadOnlyList<Exchange>> Found => found.Task;

        public void Look(IReadOnlyList<Exchange> exchanges)
        {
            if (found.Task.IsCompleted)
            {
                return;
            }

            try
            {
                if (predicate(exchanges))
                {
                    found.TrySetResult(exchanges);
                }
            }
            catch (Exception exception)
            {
                // The predicate is the caller's: its fault belongs to the one who waits, not to the request.
                found.TrySetException(exception);
            }
        }
    }
}
