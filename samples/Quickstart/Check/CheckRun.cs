namespace TokenBroker.Samples.Quickstart.Check;

/// <summary>
/// Plays the whole job as people and apps do it: over HTTP, with real forms and real cookies, on free ports and
/// throwaway data. Nothing here knows the broker's insides. The stories follow each other; one that fails ends there,
/// and those that build on it are not begun.
/// </summary>
internal static class CheckRun
{
    private static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(2);

    /// <summary>Nothing is warm yet, and all tables are made.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMinutes(1);

    /// <returns>The exit code.</returns>
    public static async Task<int> RunAsync(TextWriter output, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(LongestRun);
        var report = new Report(output, TimeProvider.System);
        QuickstartServers? servers = null;
        try
        {
            await report.StepAsync("sandbox, broker and WebChat started", async ct => servers = await QuickstartServers.StartAsync(Options, ct), limit.Token, LongestStart);
            using var stage = new Stage(servers!);
            await PlayAsync(stage, report, limit.Token);
        }
        catch (StepFailedException)
        {
            // The report has said so.
        }
        finally
        {
            if (servers is not null)
            {
                await servers.StopAsync();
            }
        }

        await output.WriteLineAsync(report.Summary);
        return report.Failed == 0 ? 0 : 1;
    }

    private static QuickstartOptions Options => new()
    {
        Throwaway = true,
        EventDelay = TimeSpan.Zero,
        MoreApps = [BareClient.Registration],

        // Without the look at the database every five seconds: what ends in time, a notification has ended.
        BrokerArguments = ["--Gateway:RecheckInterval=01:00:00"],
    };

    private static async Task PlayAsync(Stage stage, Report report, CancellationToken cancellationToken)
    {
        await new AccountStory(stage).PlayAsync(report, cancellationToken);

        var client = new BareClient(stage);
        await new ConsentStory(stage, client).PlayAsync(report, cancellationToken);
        await new CallStory(stage, client).PlayAsync(report, cancellationToken);
        await new RefreshStory(client).PlayAsync(report, cancellationToken);
        await new EndingStory(stage, client).PlayAsync(report, cancellationToken);
        await new WebChatStory(stage).PlayAsync(report, cancellationToken);
        await new SecrecyStory(stage, client).PlayAsync(report, cancellationToken);
    }
}
