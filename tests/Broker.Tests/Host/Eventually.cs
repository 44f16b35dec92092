namespace TokenBroker.Tests.Host;

/// <summary>Waits for what comes a moment later and announces itself to nobody, such as a row written behind a call.</summary>
public static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    /// <summary>Asks until the answer fits, and returns the last answer in any case: the test's own assertion then tells what it was.</summary>
    public static async Task<T> IsAsync<T>(Func<Task<T>> ask, Func<T, bool> fits)
    {
        var start = TimeProvider.System.GetTimestamp();
        while (true)
        {
            var answer = await ask();
            if (fits(answer) || TimeProvider.System.GetElapsedTime(start) > Patience)
            {
                return answer;
            }

            await Task.Delay(Pause);
        }
    }
}
