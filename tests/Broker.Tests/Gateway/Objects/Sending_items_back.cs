using System.Net;
using System.Text.RegularExpressions;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

/// <summary>Items of stored responses: the provider finds them by their ids alone, in the whole account.</summary>
public sealed partial class Sending_items_back(Neighbours neighbours) : IClassFixture<Neighbours>
{
    private const string Thinking = "[[reasoning:50]] Think";

    [Theory]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":[<item>,{"role":"user","content":"And now?"}]}""")]
    [InlineData("/responses/input_tokens", """{"model":"gpt-4o-mini","input":[<item>]}""")]
    [InlineData("/responses/compact", """{"model":"gpt-4o-mini","input":[<item>]}""")]
    [InlineData("/conversations", """{"items":[<item>]}""")]
    public async Task Reaches_those_of_the_apps_own_responses_and_nobody_elses(string path, string template)
    {
        var (reasoning, message) = await StoredAsync(isStream: false);
        foreach (var item in new[] { Reference(message), Reference(reasoning), $$"""{"id":"{{message}}"}""", Reasoning(reasoning), $$"""{"type":"novel","id":"{{message}}"}""" })
        {
            var body = template.Replace("<item>", item, StringComparison.Ordinal);
            var before = neighbours.Host.Journal.Arrived;
            foreach (var stranger in new[] { neighbours.OtherApp, neighbours.OtherUser })
            {
                using var refused = await stranger.PostRawAsync(path, body);
                refused.StatusCode.Should().Be(HttpStatusCode.NotFound, await refused.Content.ReadAsStringAsync());
                var (code, error) = await Api.ErrorAsync(refused);
                code.Should().Be("not_found");
                error.GetProperty("param").GetString().Should().Be("input");
                error.GetProperty("message").GetString().Should().Contain("'store'", "it says the mend");
            }

            neighbours.Host.Journal.Arrived.Should().Be(before);
            using var own = await neighbours.Owner.Api.PostRawAsync(path, body);
            neighbours.Host.Journal.Arrived.Should().Be(before + 1, await own.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    public async Task Reaches_those_that_a_stream_told()
    {
        var (reasoning, message) = await StoredAsync(isStream: true);

        using var response = await neighbours.Owner.Api.PostRawAsync(
            "/responses", $$"""{"model":"gpt-4o-mini","input":[{{Reasoning(reasoning)}},{{Reference(message)}},{"role":"user","content":"And now?"}]}""");

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Is_refused_where_the_response_was_not_stored_as_the_provider_refuses_it()
    {
        using var unstored = await neighbours.Owner.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = Thinking });
        var id = First("rs_", await unstored.Content.ReadAsStringAsync());
        var before = neighbours.Host.Journal.Arrived;

        using var response = await neighbours.Owner.Api.PostRawAsync("/responses", $$"""{"model":"gpt-4o-mini","input":[{{Reasoning(id)}}]}""");

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        neighbours.Host.Journal.Arrived.Should().Be(before);
    }

    [Theory]
    [InlineData("""{"type":"message","id":"msg_of_nobody","role":"assistant","content":[{"type":"output_text","text":"Hello"}]}""")]
    [InlineData("""{"id":"msg_of_nobody","role":"assistant","content":"Hello"}""")]
    [InlineData("""{"type":"function_call","id":"fc_of_nobody","call_id":"call_1","name":"f","arguments":"{}"}""")]
    [InlineData("""{"type":"function_call_output","id":"fco_of_nobody","call_id":"call_1","output":"1"}""")]
    [InlineData("""{"type":"reasoning","id":"rs_of_nobody","summary":[],"encrypted_content":"gAAAA"}""")]
    [InlineData("""{"type":"compaction","id":"cmp_of_nobody","encrypted_content":"gAAAA"}""")]
    public async Task Needs_no_record_where_the_item_brings_its_content_along(string item)
    {
        using var response = await neighbours.Owner.Api.PostRawAsync("/responses", $$"""{"model":"gpt-4o-mini","input":[{{item}},{"role":"user","content":"And now?"}]}""");

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Costs_what_the_item_holds_which_is_reserved_before_it_is_known()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, budget: "0.01");
        using var stored = await connected.Api.PostRawAsync("/responses", """{"model":"gpt-4o-mini","input":"[[reasoning:10000]] Think","store":true,"max_output_tokens":10010}""");
        stored.StatusCode.Should().Be(HttpStatusCode.OK, await stored.Content.ReadAsStringAsync());
        var id = First("rs_", await stored.Content.ReadAsStringAsync());
        await connected.UsageAsync();

        // 128,000 tokens of input, as much as the model takes, would be $0.0192; what is left is less.
        using var response = await connected.Api.PostRawAsync("/responses", $$"""{"model":"gpt-4o-mini","input":[{{Reasoning(id)}}],"max_output_tokens":16}""");

        response.StatusCode.Should().Be(HttpStatusCode.PaymentRequired, "the body is short, and what it names is not");
        connected.Received.Should().ContainSingle();
    }

    private static string Reference(string id) => $$"""{"type":"item_reference","id":"{{id}}"}""";

    private static string Reasoning(string id) => $$"""{"type":"reasoning","id":"{{id}}","encrypted_content":null,"summary":[]}""";

    private async Task<(string Reasoning, string Message)> StoredAsync(bool isStream)
    {
        using var stored = await neighbours.Owner.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = Thinking, store = true, stream = isStream });
        var text = await stored.Content.ReadAsStringAsync();
        return (First("rs_", text), First("msg_", text));
    }

    private static string First(string prefix, string text) => Id().Matches(text).First(id => id.Value.StartsWith(prefix, StringComparison.Ordinal)).Value;

    [GeneratedRegex("(rs_|msg_)[0-9a-f]+")]
    private static partial Regex Id();
}
