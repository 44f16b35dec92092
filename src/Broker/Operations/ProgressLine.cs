using System.Globalization;

namespace TokenBroker.Operations;

/// <summary>
/// Shows how far something long is: a bar that is drawn over itself on a terminal, a plain line now and then elsewhere. On
/// the error stream, so that what is printed stays clean for other programs.
/// </summary>
internal sealed class ProgressLine(string what, TimeProvider time) : IDisposable
{
    private const int Width = 30;
    private static readonly TimeSpan DrawnEvery = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan WrittenEvery = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly bool _isTerminal = !Console.IsErrorRedirected;
    private readonly long _began = time.GetTimestamp();
    private long _shown = Console.IsErrorRedirected ? time.GetTimestamp() : 0;
    private bool _finished;
    private int _length;

    /// <param name="done">How much of it.</param>
    /// <param name="all">Of how much.</param>
    /// <param name="note">What to say beside it, such as why it waits.</param>
    public void Show(long done, long all, string? note = null)
    {
        lock (_gate)
        {
            if ((_shown != 0 && done < all && time.GetElapsedTime(_shown) < (_isTerminal ? DrawnEvery : WrittenEvery)) || _finished)
            {
                return;
            }

            _finished = done >= all && note is null;
            _shown = time.GetTimestamp();
            var line = LineOf(done, all, time.GetElapsedTime(_began)) + (note is null ? "" : "; " + note);
            if (!_isTerminal)
            {
                Console.Error.WriteLine($"{what}: {line}");
                return;
            }

            var filled = all == 0 ? Width : (int)(done * Width / all);
            var drawn = $"{what} [{new string('#', filled)}{new string('.', Width - filled)}] {line}";
            drawn = drawn.Length < Columns() ? drawn : drawn[..(Columns() - 1)];
            Console.Error.Write("\r" + drawn.PadRight(_length));
            _length = drawn.Length;
        }
    }

    /// <summary>Ends the line that a bar was drawn on.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            if (_isTerminal && _length > 0)
            {
                Console.Error.WriteLine();
                _length = 0;
            }
        }
    }

    internal static string LineOf(long done, long all, TimeSpan elapsed)
    {
        var rate = elapsed > TimeSpan.Zero ? done / elapsed.TotalSeconds : 0;
        var text = string.Create(CultureInfo.InvariantCulture, $"{done:N0} of {all:N0}");
        if (done > 0 && done < all && elapsed > TimeSpan.FromSeconds(1))
        {
            text += string.Create(CultureInfo.InvariantCulture, $", {rate:N0} a second, {Words(TimeSpan.FromSeconds((all - done) / rate))} left");
        }

        return text;
    }

    internal static string Words(TimeSpan span) => span switch
    {
        { TotalHours: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{(int)span.TotalHours} h {span.Minutes} min"),
        { TotalMinutes: >= 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.Minutes} min {span.Seconds} s"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{Math.Ceiling(span.TotalSeconds):0} s"),
    };

    private static int Columns()
    {
        try
        {
            return Math.Max(Console.WindowWidth, 40);
        }
        catch (IOException)
        {
            return 80;
        }
    }
}
