using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Gateway.Objects;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>
/// The lines of a batch are read before it is made: each is judged as the call that it will be, and their worst costs are
/// paid for. gpt-4o costs 2.50 and 10 for a million, and half of that in a batch.
/// </summary>
[Trait("Checklist", "28")]
public sealed class Paying_for_a_batch
{
    private const string Plain = """{"model":"gpt-4o","max_completion_tokens":1000,"messages":[{"role":"user","content":"Hello"}]}""";
    private static readonly Dictionary<string, string> Rarely = new() { ["Gateway:JobPoll"] = "00:10:00" };
    private static readonly Dictionary<string, string> Often = new() { ["Gateway:JobPoll"] = "00:00:00.1" };

    /// <summary>At most as many tokens as bytes, and all the output, at half the price.</summary>
    private static long WorstOfLine => (long)Math.Ceiling(((Plain.Length * 2.5m) + (1_000 * 10m)) / 2);

    [Fact]
    public async Task Charges_the_worst_of_all_lines_until_it_is_over()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");

        using var response = await MakeAsync(connected, Line(Plain), Line(Plain), Line(Plain));

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        var usage = (await connected.UsageAsync(2)).Single(row => row.Operation == "batches.create");
        (usage.CostMicros, usage.Estimated).Should().Be((3 * WorstOfLine, true));
        (await broker.WithDatabaseAsync(db => db.OpenJobs.SingleAsync())).Kind.Should().Be(JobKind.Batch);
    }

    [Fact]
    public async Task Charges_what_its_answers_cost_once_it_is_over()
    {
        await using var broker = await BrokerHost.StartAsync(Often);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        var other = Plain.Replace("Hello", "[[cached:2]] What is a plum?", StringComparison.Ordinal);

        using var response = await MakeAsync(connected, Line(Plain), Line(other));

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        var usage = (await Eventually.IsAsync(() => connected.UsageAsync(2), rows => rows.TrueForAll(row => !row.Estimated))).Single(row => row.Operation == "batches.create");

        // Each line rounds up by itself; what was cached is charged as other input.
        (usage.CostMicros, usage.ServiceTier).Should().Be((TrueOf("Hello") + TrueOf("[[cached:2]] What is a plum?"), "batch"));
        usage.CachedInputTokens.Should().Be(2);
        usage.OutputTokens.Should().Be(TokenCount.Of(Reply.To("Hello")) + TokenCount.Of(Reply.To("What is a plum?")));
        (await connected.SpendAsync()).CostMicros.Should().Be(usage.CostMicros);
    }

    [Fact]
    public async Task Charges_cached_input_as_such_where_batches_have_a_price_for_it()
    {
        // gpt-5-mini costs 0.25, 0.025 from the cache, and 2 for a million, and half of each in a batch: ten tokens make more than a micro-dollar of difference.
        await using var broker = await BrokerHost.StartAsync(Often);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        const string Text = "[[cached:10]] One two three four five six seven eight nine ten eleven twelve thirteen fourteen";
        var body = Plain.Replace("gpt-4o", "gpt-5-mini", StringComparison.Ordinal).Replace("Hello", Text, StringComparison.Ordinal);

        using var response = await MakeAsync(connected, Line(body));

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        var usage = (await Eventually.IsAsync(() => connected.UsageAsync(2), rows => rows.TrueForAll(row => !row.Estimated))).Single(row => row.Operation == "batches.create");
        usage.CachedInputTokens.Should().Be(10);
        usage.CostMicros.Should().Be((long)Math.Ceiling((((usage.InputTokens - 10) * 0.25m) + (10 * 0.025m) + (usage.OutputTokens * 2m)) / 2));
    }

    [Fact]
    public async Task Stays_at_the_worst_where_an_answer_tells_no_usage()
    {
        await using var broker = await BrokerHost.StartAsync(Often);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        using var response = await MakeAsync(connected, Line(Plain), Line(Plain.Replace("Hello", "[[fault:no_usage]]", StringComparison.Ordinal)));
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        await connected.UsageAsync(2);

        await Eventually.IsAsync(() => broker.WithDatabaseAsync(db => db.OpenJobs.CountAsync()), left => left == 0);

        var usage = (await connected.UsageAsync(2)).Single(row => row.Operation == "batches.create");
        usage.Estimated.Should().BeTrue();
        usage.CostMicros.Should().BeGreaterThan(2 * WorstOfLine);
    }

    [Fact]
    public async Task Refuses_one_that_the_budget_does_not_hold_before_it_is_made()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "0.01");

        using var response = await MakeAsync(connected, Line(Plain), Line(Plain));

        response.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        connected.Received.Should().NotContain(exchange => exchange.Path == "/v1/batches");
        Books.OfGrant(broker, connected.GrantId).IsIdle.Should().BeTrue();
    }

    public static TheoryData<string, string> Refused => new()
    {
        { "a model without a price", Line("""{"model":"nobodys","messages":[]}""") },
        { "a scope that is not there", """{"custom_id":"1","method":"POST","url":"/v1/embeddings","body":{"model":"text-embedding-3-small","input":"A"}}""" },
        { "another method", """{"custom_id":"1","method":"GET","url":"/v1/chat/completions","body":{}}""" },
        { "another host's path", """{"custom_id":"1","method":"POST","url":"/chat/completions","body":{}}""" },
        { "an operation that runs by itself only", """{"custom_id":"1","method":"POST","url":"/v1/images/generations","body":{"model":"gpt-image-1","prompt":"A"}}""" },
        { "an administrative operation", """{"custom_id":"1","method":"POST","url":"/v1/organization/users","body":{}}""" },
        { "a body twice", """{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o-mini","messages":[]},"body":{"model":"gpt-4o","messages":[]}}""" },
        { "a member that nobody knows", """{"custom_id":"1","method":"POST","url":"/v1/chat/completions","novel":1,"body":{"model":"gpt-4o-mini","messages":[]}}""" },
        { "no JSON", "novel" },
        { "a stream", Line("""{"model":"gpt-4o","stream":true,"messages":[]}""") },
        { "a dearer tier", Line("""{"model":"gpt-4o","service_tier":"priority","messages":[]}""") },
        { "a person by name", Line("""{"model":"gpt-4o","user":"Someone","messages":[]}""") },
        { "an answer that is kept", Line("""{"model":"gpt-4o","store":true,"messages":[]}""") },
        { "an answer that is kept unless it is said", """{"custom_id":"1","method":"POST","url":"/v1/responses","body":{"model":"gpt-4o","input":"A"}}""" },
        { "a tool without a price", Line("""{"model":"gpt-4o","tools":[{"type":"web_search"}],"messages":[]}""") },
        { "an object of somebody else", Line("""{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":"file-of-another"}}]}]}""") },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task Refuses_the_whole_for_one_line(string why, string line)
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, "openai:chat openai:responses openai:files openai:batches openai:images offline_access");

        using var response = await MakeAsync(connected, Line(Plain), line);

        response.IsSuccessStatusCode.Should().BeFalse(why);
        (await response.Content.ReadAsStringAsync()).Should().Contain("Line 2 of the batch");
        connected.Received.Should().NotContain(exchange => exchange.Path == "/v1/batches", why);
        (await connected.UsageAsync()).Should().OnlyContain(row => row.CostMicros == 0);
    }

    [Fact]
    public async Task Runs_no_model_that_the_user_did_not_allow()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, models: "gpt-4o-mini");

        using var response = await MakeAsync(connected, Line(Plain));

        (await Api.ErrorAsync(response)).Code.Should().Be("model_not_allowed");
        connected.Received.Should().NotContain(exchange => exchange.Path == "/v1/batches");
    }

    [Theory]
    [InlineData("Gateway:MaxBatchBytes", "1024", 20)]
    [InlineData("Gateway:MaxBatchBytes", "67108864", 0)]
    public async Task Refuses_a_file_that_is_too_large_or_empty(string setting, string value, int lines)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:JobPoll"] = "00:10:00", [setting] = value });
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes);

        using var response = await MakeAsync(connected, [.. Enumerable.Repeat(Line(Plain), lines)]);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        connected.Received.Should().NotContain(exchange => exchange.Path == "/v1/batches");
    }

    [Fact]
    public async Task Charges_nothing_where_the_provider_refuses_it()
    {
        await using var broker = await BrokerHost.StartAsync(Rarely);
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "10");
        broker.Faults.Next(FaultKind.ServerError, path: "/v1/batches");

        using var response = await MakeAsync(connected, Line(Plain));

        response.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        (await connected.UsageAsync(2)).Should().OnlyContain(row => row.CostMicros == 0);
        Books.OfGrant(broker, connected.GrantId).IsIdle.Should().BeTrue();
    }

    private static long TrueOf(string text) => (long)Math.Ceiling(((TokenCount.Of(text) * 2.5m) + (TokenCount.Of(Reply.To(text)) * 10m)) / 2);

    private static string Line(string body) => $$"""{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{{body}}}""";

    /// <summary>Uploads the lines and makes a batch of them.</summary>
    internal static async Task<HttpResponseMessage> MakeAsync(Connected connected, params string[] lines)
    {
        var form = SampleCall.FormOf([("purpose", "batch")], "file", "in.jsonl", Encoding.UTF8.GetBytes(string.Join('\n', lines)));
        using var uploaded = await connected.Api.SendAsync(HttpMethod.Post, "/files", form);
        var id = JsonNode.Parse(await uploaded.Content.ReadAsStringAsync())!["id"]!.ToString();
        return await connected.Api.PostRawAsync("/batches", $$"""{"input_file_id":"{{id}}","endpoint":"/v1/chat/completions","completion_window":"24h"}""");
    }
}
