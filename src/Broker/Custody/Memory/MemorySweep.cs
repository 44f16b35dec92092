namespace TokenBroker.Custody;

/// <summary>
/// What the runtime copied of a key (an HTTP header is a string, a connection has a buffer) stays in memory until that is
/// used again. Once no key is open any more, this collects and compacts the heap and gives its pages back to the system,
/// a few times with pauses, since the runtime's pools let go of their buffers only after a while.
/// </summary>
internal sealed class MemorySweep(OpenKeys keys, TimeProvider time)
{
    private const int Times = 5;
    private static readonly TimeSpan Apart = TimeSpan.FromSeconds(30);
    private long _sweptOpenings;
    private long _sweptAt;
    private int _left;

    /// <summary>Sweeps if no key is open and one was since the last sweeps. Blocks the process for a moment; to be called every few seconds.</summary>
    /// <returns>Whether it did.</returns>
    public bool RunIfIdle()
    {
        if (keys.Count > 0)
        {
            return false;
        }

        var openings = keys.Openings;
        if (openings != _sweptOpenings)
        {
            (_sweptOpenings, _left) = (openings, Times);
        }
        else if (_left == 0 || time.GetElapsedTime(_sweptAt) < Apart)
        {
            return false;
        }

        _left--;
        _sweptAt = time.GetTimestamp();
        GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        return true;
    }
}
