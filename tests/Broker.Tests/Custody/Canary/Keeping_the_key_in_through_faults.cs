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
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(1);
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
        await CallAsync(evidence, api, words);
        if (fault.ToString().StartsWith("Echo", StringComparison.Ordinal) || fault == FaultKind.UnauthorizedFull)
        {
            await CallAsync(evidence, api, words + " [[fault:gzip]]");
            await CallAsync(evidence, api, words + " [[fault:no_usage]]");
        }

        Broker.Journal.Snapshot().Should().Contain(e => e.Key == _key && e.Path == "/v1/chat/completions", "the fault must have struck");
        await evidence.KeepStoredAsync(Broker);
        evidence.KeepBrowser(person);
        evidence.KeepLog(Broker, linesBefore);
        evidence.Places.Should().Contain(["app", "browser", "log", "file", "activity", "metric"]);
        evidence.HitsOf(new KeySearch(_key)).Should().BeEmpty("no byte of the key may leave the broker");
    }

    private static async Task CallAsync(Evidence evidence, Api api, string words)
    {
        await TryAsync(evidence, limit => api.OpenStreamAsync(words, cancellationToken: limit));
        await TryAsync(evidence, limit => api.SendAsync(
            HttpMethod.Post,
            "/chat/completions",
            JsonContent.Create(new { model = "gpt-4o-mini", messages = new[] { new { role = "user", content = words } } }),
            HttpCompletionOption.ResponseHeadersRead,
            limit));
        await TryAsync(evidence, limit => api.SendAsync(
            HttpMethod.Post,
            "/responses",
            JsonContent.Create(new { model = "gpt-4o-mini", stream = true, input = words }),
            HttpCompletionOption.ResponseHeadersRead,
            limit));
    }

    /// <summary>A provider that stands still is waited for for ten minutes; here not.</summary>
    private static async Task TryAsync(Evidence evidence, Func<CancellationToken, Task<HttpResponseMessage>> call)
    {
        using var limit = new CancellationTokenSource(Patience);
        try
        {
            using var response = await call(limit.Token);
            await evidence.KeepAsync("app", response, Patience);
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
