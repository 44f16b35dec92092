using System.Collections.Concurrent;

namespace TokenBroker.Gateway;

/// <summary>
/// Ends the calls that were cut, a few at a time. When a grant with a thousand open streams ends, each stream takes several
/// steps to its last byte; were all of them begun at once, each step of one would queue behind all the others, and the first
/// client would hear of it about as late as the last. Here a few have come far when the next few begin. Whoever ends
/// the grant waits for none of it.
/// </summary>
internal sealed class CutCalls : IThreadPoolWorkItem
{
    private const int AtOnce = 8;
    private static readonly ConcurrentQueue<CallWatch> s_waiting = new();
    private static readonly CutCalls s_turn = new();
    private static int s_isScheduled;

    private CutCalls()
    {
    }

    public static void Add(CallWatch watch)
    {
        s_waiting.Enqueue(watch);
        Schedule();
    }

    void IThreadPoolWorkItem.Execute()
    {
        for (var i = 0; i < AtOnce && s_waiting.TryDequeue(out var watch); i++)
        {
            try
            {
                watch.EndBy(CallEnd.Cut);
            }
            catch (AggregateException)
            {
                // Somebody who listened to this call's end failed to hear of it. The others must still end.
            }
        }

        // Whoever adds from here on schedules a turn; what was added before is seen below.
        Interlocked.Exchange(ref s_isScheduled, 0);
        if (!s_waiting.IsEmpty)
        {
            Schedule();
        }
    }

    private static void Schedule()
    {
        if (Interlocked.Exchange(ref s_isScheduled, 1) == 0)
        {
            // Behind the steps of those that were begun before.
            ThreadPool.UnsafeQueueUserWorkItem(s_turn, preferLocal: false);
        }
    }
}
