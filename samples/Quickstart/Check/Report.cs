using System.Globalization;

namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>One line a step, with what was expected and what came where it failed.</summary>
internal sealed class Report(TextWriter output, TimeProvider time)
{
    private static readonly TimeSpan LongestStep = TimeSpan.FromSeconds(20);
    private int _number;
    private int _passed;

    public int Failed { get; private set; }

    public string Summary => string.Create(CultureInfo.InvariantCulture, $"{_passed} passed, {Failed} failed");

    /// <param name="name">What the step shows.</param>
    /// <param name="step">Plays it.</param>
    /// <param name="cancellationToken">Ends the whole run.</param>
    /// <param name="atMost">How long it may take; 20 seconds.</param>
    /// <exception cref="StepFailedException">The step failed and was reported: what builds on it cannot be played.</exception>
    public async Task StepAsync(string name, Func<CancellationToken, Task> step, CancellationToken cancellationToken, TimeSpan? atMost = null)
    {
        var longest = atMost ?? LongestStep;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(longest);
        _number++;
        var start = time.GetTimestamp();
        try
        {
            await step(limit.Token);
        }
        catch (Exception exception)
        {
            Failed++;
            await output.WriteLineAsync(Line("FAIL", name, start));
            await output.WriteLineAsync("         " + WordsOf(exception, limit.IsCancellationRequested ? longest : null));
            throw new StepFailedException(exception);
        }

        _passed++;
        await output.WriteLineAsync(Line("ok  ", name, start));
    }

    private static string WordsOf(Exception exception, TimeSpan? tookTooLong) => exception switch
    {
        UnmetException => exception.Message,
        OperationCanceledException when tookTooLong is { } limit => $"expected an end within {limit.TotalSeconds:0} s, got none; a machine that is busy may be too slow for it",
        _ => $"expected no exception, got {exception.GetType().Name}: {exception.Message}",
    };

    private string Line(string verdict, string name, long start) =>
        string.Create(CultureInfo.InvariantCulture, $"{verdict} {_number,3}  {name,-72} {time.GetElapsedTime(start).TotalMilliseconds,6:0} ms");
}

/// <summary>A step failed and was reported.</summary>
internal sealed class StepFailedException(Exception cause) : Exception("A step failed.", cause);
