using System.Collections.Concurrent;

namespace TokenBroker.Authorization.Devices;

/// <summary>
/// How often a device may ask for its token (RFC 8628, section 3.5). Whoever asks sooner is told to slow down, and from
/// then on has to wait five seconds more. OpenIddict announces the errors of polling but never counts. In memory: a
/// restart forgets who was fast, and nothing else.
/// </summary>
internal sealed class Polling(TimeProvider time)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(1);

    // A device that waits five seconds on its own clock arrives a little sooner on ours.
    private static readonly TimeSpan Tolerance = TimeSpan.FromMilliseconds(500);
    private const int MostDevices = 100_000;

    private readonly ConcurrentDictionary<Guid, Device> _devices = new();

    /// <param name="deviceCode">The row of a device code that was issued: a made-up one has none, and takes no memory.</param>
    public bool IsTooFast(Guid deviceCode)
    {
        if (!_devices.TryGetValue(deviceCode, out var device))
        {
            Prune();
            if (_devices.Count >= MostDevices)
            {
                return true;
            }

            device = _devices.GetOrAdd(deviceCode, _ => new Device());
        }

        return device.IsTooFast(time);
    }

    private void Prune()
    {
        if (_devices.Count < MostDevices / 2)
        {
            return;
        }

        foreach (var (id, device) in _devices)
        {
            if (device.HasEnded(time))
            {
                _devices.TryRemove(KeyValuePair.Create(id, device));
            }
        }
    }

    private sealed class Device
    {
        private readonly Lock _lock = new();
        private TimeSpan _interval = Interval;
        private long? _last;

        public bool IsTooFast(TimeProvider time)
        {
            lock (_lock)
            {
                var (last, now) = (_last, time.GetTimestamp());
                _last = now;
                if (last is not { } before || time.GetElapsedTime(before, now) >= _interval - Tolerance)
                {
                    return false;
                }

                _interval = TimeSpan.FromTicks(Math.Min((_interval + Interval).Ticks, Longest.Ticks));
                return true;
            }
        }

        public bool HasEnded(TimeProvider time)
        {
            lock (_lock)
            {
                return _last is { } last && time.GetElapsedTime(last) > DevicesSetup.CodeLifetime;
            }
        }
    }
}
