using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Canary;

/// <summary>A provider that quotes, echoes, breaks off or stands still must not get a person's key out to the app.</summary>
[Trait("Checklist", "14")]
public sealed class Keeping_the_key_in_through_faults(Keeping_the_key_in_through_faults.LoggingBroker logging)
    : IClassFixture<Keeping_the_key_in_through_faults.LoggingBroker>
{
    private readonly string _key = KeySearch.NewKey();

    public static TheoryData<FaultKind> Faults => [.. Enum.GetValues<FaultKind>()];

    private BrokerHost Broker => logging.Host;

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task Finds_no_byte_of_it_anywhere(FaultKind fault)
    {
        using var evidence = new Evidence();
        var linesBefore = Broker.Log.Lines.Count;
        using var person = await Person.WithKeyAsync(Broker, _key);
        var api = new Api(Broker, (await new OAuthApp(Broker).ConnectAsync(person)).AccessToken);
        var words = $"[[fault:{JsonNamingPolicy.SnakeCaseLower.ConvertName(fault.ToString())}]] [[events:8]]";
        await CallAsync(evidence, api, fault, words);
        if (fault.ToString().StartsWith("Echo", StringComparison.Ordinal) || fault == FaultKind.UnauthorizedFull)
        {
            await CallAsync(evidence, api, fault, words + " [[fault:gzip]]");
            await CallAsync(evidence, api, fault, words + " [[fault:no_usage]]");
        }

        (await Eventually.IsAsync(() => Task.FromResult(Broker.Journal.Snapshot()), all => all.Any(e => e.Key == _key && e.Path == "/v1/chat/completions")))
            .Should().Contain(e => e.Key == _key && e.Path == "/v1/chat/completions", "the fault must have struck");
        await evidence.KeepStoredAsync(Broker);
        evidence.KeepBrowser(person);
        evidence.KeepLog(Broker, linesBefore);
        evidence.Places.Should().Contain(["app", "browser", "log", "file", "activity", "metric"]);
        evidence.HitsOf(new KeySearch(_key)).Should().BeEmpty("no byte of the key may leave the broker");
    }

    private static async Task CallAsync(Evidence evidence, Api api, FaultKind fault, string words)
    {
        // A provider that stands still is waited for for ten minutes; here not. Any other answers, however busy the machine is.
        var patience = TimeSpan.FromSeconds(fault is FaultKind.Stall or FaultKind.StallMidStream or FaultKind.Slow ? 1 : 30);
        await TryAsync(evidence, patience, limit => api.OpenStreamAsync(words, cancellationToken: limit));
        await TryAsync(evidence, patience, limit => api.SendAsync(
            HttpMethod.Post,
            "/chat/completions",
            JsonContent.Create(new { model = "gpt-4o-mini", messages = new[] { new { role = "user", content = words } } }),
            HttpCompletionOption.ResponseHeadersRead,
            limit));
        await TryAsync(evidence, patience, limit => api.SendAsync(
            HttpMethod.Post,
            "/responses",
            JsonContent.Create(new { model = "gpt-4o-mini", stream = true, input = words }),
            HttpCompletionOption.ResponseHeadersRead,
            limit));
    }

    private static async Task TryAsync(Evidence evidence, TimeSpan patience, Func<CancellationToken, Task<HttpResponseMessage>> call)
    {
        using var limit = new CancellationTokenSource(patience);
        try
        {
            using var response = await call(limit.Token);
            await evidence.KeepAsync("app", response, patience);
        }
        catch (Exception exception) when (exception is OperationCanceledException or HttpRequestException)
        {
            evidence.Keep("app", exception.ToString());
        }
    }

    public sealed class LoggingBroker : IAsyncLifetime
    {
        public BrokerHost Host { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(Evidence.LogEverything);

        public ValueTask DisposeAsync() => Host.DisposeAsync();
    }
}
