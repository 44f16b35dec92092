using System.Diagnostics.Metrics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary>Figures for a collector; what each is, is in docs/telemetry.md.</summary>
public sealed class Sending_metrics
{
    private static readonly string[] Instruments =
        ["tokenbroker.calls", "tokenbroker.tokens", "tokenbroker.cost", "tokenbroker.call.duration", "tokenbroker.refusals", "tokenbroker.usage.waiting"];

    [Fact]
    public async Task Reach_a_collector_and_tell_nothing_of_a_person_an_app_or_a_key()
    {
        await using var collector = await Collector.StartAsync();
        await using var broker = await BrokerHost.StartAsync(new() { ["Telemetry:OtlpEndpoint"] = collector.Address, ["Telemetry:Interval"] = "00:00:01" });
        using var connected = await Connected.AsAsync(broker);
        using var answered = await connected.Api.ChatAsync("A private question");
        using var missing = await connected.Api.GetAsync("/responses/resp_of_nobody");
        using var refused = await connected.Api.PostAsync("/realtime/client_secrets", new { });
        using var unknown = await new Api(broker, "not-a-token").ChatAsync();
        refused.StatusCode.Should().Be(HttpStatusCode.Forbidden);

        var sent = await Eventually.IsAsync(
            () => Task.FromResult(collector.Received()), text => Instruments.Append("http.server.request.duration").All(name => text.Contains(name, StringComparison.Ordinal)));

        Instruments.Should().OnlyContain(name => sent.Contains(name, StringComparison.Ordinal));
        sent.Should().Contain("chat.completions").And.Contain("operation_not_allowed").And.Contain("http.server.request.duration");
        foreach (var secret in new[] { connected.Key, connected.Tokens.AccessToken, "not-a-token", connected.Person.Email, BrokerHost.AppId, "Test App", connected.GrantId.ToString(), "A private question", "resp_of_nobody" })
        {
            sent.Should().NotContainEquivalentOf(secret);
        }
    }

    [Fact]
    public async Task Add_up_to_what_the_usage_table_has()
    {
        await using var broker = await BrokerHost.StartAsync();
        var sums = new Dictionary<string, long>(StringComparer.Ordinal);
        using var listener = Listen(broker, sums);
        using var connected = await Connected.AsAsync(broker);
        for (var i = 0; i < 3; i++)
        {
            using var response = await connected.Api.ChatAsync("[[cached:1]] Hello");
        }

        using var refused = await connected.Api.ChatAsync(model: "gpt-of-nobody");
        var rows = await connected.UsageAsync(3);

        var counted = await Eventually.IsAsync(
            () =>
            {
                lock (sums)
                {
                    return Task.FromResult(sums.ToDictionary());
                }
            },
            found => found.GetValueOrDefault("tokenbroker.calls chat.completions") == 3 && found.Keys.Any(key => key.StartsWith("tokenbroker.refusals", StringComparison.Ordinal)));
        counted.Should().BeEquivalentTo(new Dictionary<string, long>
        {
            ["tokenbroker.calls chat.completions"] = 3,
            ["tokenbroker.tokens chat.completions"] = rows.Sum(row => row.InputTokens + row.OutputTokens),
            ["tokenbroker.cost chat.completions"] = rows.Sum(row => row.CostMicros),
            ["tokenbroker.refusals chat.completions"] = 1,
        });
    }

    [Fact]
    public async Task Go_nowhere_unless_a_collector_is_named_and_a_wrong_name_stops_the_start()
    {
        await using var broker = await BrokerHost.StartAsync();
        broker.Services.GetService<OpenTelemetry.Metrics.MeterProvider>().Should().BeNull();

        using var wrong = await BrokerProcess.RunAsync("Development", [.. broker.Arguments(), "--Telemetry:OtlpEndpoint=collector"]);

        wrong.ExitCode.Should().NotBe(0);
        (wrong.Output + wrong.Error).Should().Contain("Telemetry:OtlpEndpoint").And.Contain("http://localhost:4318");
    }

    /// <summary>Adds up the whole numbers of one broker, by instrument and operation.</summary>
    private static MeterListener Listen(BrokerHost broker, Dictionary<string, long> sums)
    {
        var own = broker.Services.GetRequiredService<IMeterFactory>();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (ReferenceEquals(instrument.Meter.Scope, own) && instrument is Counter<long> && instrument.Name.StartsWith("tokenbroker.", StringComparison.Ordinal))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, amount, tags, _) =>
        {
            var operation = tags.ToArray().Single(tag => tag.Key == "tokenbroker.operation").Value;
            lock (sums)
            {
                var key = $"{instrument.Name} {operation}";
                sums[key] = sums.GetValueOrDefault(key) + amount;
            }
        });
        listener.Start();
        return listener;
    }

    /// <summary>Takes OTLP over HTTP, as a collector does, and keeps the bodies: protocol buffers hold text as it is.</summary>
    private sealed class Collector(WebApplication app, List<string> bodies) : IAsyncDisposable
    {
        public string Address => app.Urls.First();

        public static async Task<Collector> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            var app = builder.Build();
            var bodies = new List<string>();
            app.MapPost("/v1/metrics", async (HttpContext context) =>
            {
                using var body = new MemoryStream();
                await context.Request.Body.CopyToAsync(body);
                lock (bodies)
                {
                    bodies.Add(Encoding.Latin1.GetString(body.ToArray()));
                }

                return Results.Bytes([], context.Request.ContentType);
            });
            await app.StartAsync();
            return new Collector(app, bodies);
        }

        public string Received()
        {
            lock (bodies)
            {
                return string.Concat(bodies);
            }
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}
