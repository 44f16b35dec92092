using System.Net;
using System.Text.Json.Nodes;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Upstreams.StandIns;

namespace TokenBroker.Tests.Upstreams;

/// <summary>An upstream that only configuration adds: another credential header, another shape of usage, another price list.</summary>
public sealed class Calling_Anthropic : IAsyncLifetime
{
    private const string Model = "claude-haiku-4-5";
    private Anthropic _anthropic = null!;
    private BrokerHost _broker = null!;
    private string _token = "";

    public async ValueTask InitializeAsync()
    {
        _anthropic = await Anthropic.StartAsync();
        _broker = await BrokerHost.StartAsync(new()
        {
            ["Upstreams:anthropic:Like"] = "anthropic",
            ["Upstreams:anthropic:BaseUrl"] = _anthropic.Address + "/v1",
            ["Apps:0:Scopes:50"] = "anthropic:messages",
            ["Apps:0:Scopes:51"] = "anthropic:models",
        });
        using var person = await Person.SignedUpAsync(_broker);
        (await person.AddKeyAsync("sk-ant-api03-" + Guid.NewGuid().ToString("N"), upstream: "anthropic")).Should().BeNull();
        _token = (await new OAuthApp(_broker).ConnectAsync(person, "anthropic:messages anthropic:models offline_access")).AccessToken;
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _anthropic.DisposeAsync();
    }

    [Theory]
    [InlineData("x-api-key")]
    [InlineData("Authorization")]
    public async Task Takes_the_token_where_its_clients_put_a_key(string header)
    {
        using var answer = await SendAsync(Body(), header);

        answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        var received = _anthropic.Calls.Should().ContainSingle().Subject;
        received.Headers["x-api-key"].Should().StartWith("sk-ant-api03-");
        received.Headers["anthropic-version"].Should().Be("2023-06-01");
        received.Headers.Should().NotContainKey("authorization").And.NotContainKey("anthropic-beta");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Prices_what_the_events_of_a_stream_say_together(bool stream)
    {
        var body = Body();
        body["stream"] = stream;

        using var answer = await SendAsync(body);
        var text = await answer.Content.ReadAsStringAsync();

        text.Should().Contain(Anthropic.Text);
        var usage = (await Eventually.IsAsync(() => _broker.WithDatabaseAsync(db => Task.FromResult(db.Usage.ToList())), rows => rows.Count == 1))[0];
        (usage.InputTokens, usage.CachedInputTokens, usage.CacheWriteTokens, usage.OutputTokens, usage.Estimated).Should().Be((2600, 2000, 500, 12, false));

        // 100 x 1 + 2,000 x 0.10 + 300 x 1.25 + 200 x 2 + 12 x 5.
        usage.CostMicros.Should().Be(100 + 200 + 375 + 400 + 60);
    }

    [Fact]
    public async Task Charges_a_stream_that_is_left_for_its_input_at_least()
    {
        _anthropic.Hold = new TaskCompletionSource();
        var body = Body();
        body["stream"] = true;
        using (var client = _broker.NewClient())
        {
            using var request = Request(body, "x-api-key");
            using var answer = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            var buffer = new byte[64];
            _ = await (await answer.Content.ReadAsStreamAsync()).ReadAsync(buffer);
        }

        var usage = (await Eventually.IsAsync(() => _broker.WithDatabaseAsync(db => Task.FromResult(db.Usage.ToList())), rows => rows.Count == 1))[0];
        usage.InputTokens.Should().Be(2600);
        usage.Estimated.Should().BeTrue();
        usage.CostMicros.Should().BeGreaterThan(1_000);
    }

    [Fact]
    public async Task Names_the_person_by_the_brokers_pseudonym()
    {
        using var plain = await SendAsync(Body());
        var own = Body();
        own["metadata"] = new JsonObject { ["user_id"] = "somebody@example.org" };
        using var named = await SendAsync(own);

        var ids = _anthropic.Calls.Select(call => call.Body!["metadata"]!["user_id"]!.GetValue<string>()).ToList();
        ids.Should().HaveCount(2);
        ids.Distinct().Should().ContainSingle().Which.Should().NotContain("@");
    }

    [Theory]
    [InlineData("""{"tools":[{"type":"web_search_20250305","name":"web_search"}]}""")]
    [InlineData("""{"mcp_servers":[{"type":"url","url":"https://elsewhere.example","name":"x"}]}""")]
    [InlineData("""{"container":"container_1"}""")]
    [InlineData("""{"inference_geo":"us"}""")]
    [InlineData("""{"speed":"fast"}""")]
    [InlineData("""{"messages":[{"role":"user","content":[{"type":"document","source":{"type":"file","file_id":"file_1"}}]}]}""")]
    [InlineData("""{"model":"claude-of-nobody"}""")]
    public async Task Refuses_what_it_cannot_bound_or_check(string change)
    {
        var body = Body();
        foreach (var (name, value) in JsonNode.Parse(change)!.AsObject())
        {
            body[name] = value!.DeepClone();
        }

        using var answer = await SendAsync(body);

        ((int)answer.StatusCode).Should().BeInRange(400, 404);
        JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["type"]!.GetValue<string>().Should().Be("error", "its clients look for that");
        _anthropic.Calls.Should().BeEmpty();
    }

    [Fact]
    public async Task Forwards_what_an_apps_tools_were_called_with()
    {
        var body = Body();
        body["tools"] = JsonNode.Parse("""[{"name":"find_order","input_schema":{"type":"object","properties":{"order_id":{"type":"string"}}}}]""");
        body["messages"] = JsonNode.Parse(
            """
            [{"role":"user","content":"Where is it?"},
             {"role":"assistant","content":[{"type":"tool_use","id":"toolu_1","name":"find_order","input":{"order_id":"17"}}]},
             {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"On its way."}]}]
            """);

        using var answer = await SendAsync(body);

        answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
    }

    [Theory]
    [InlineData("/messages/batches")]
    [InlineData("/files")]
    [InlineData("/organizations/api_keys")]
    [InlineData("/complete")]
    public async Task Denies_every_other_operation(string path)
    {
        using var client = _broker.NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/anthropic/v1" + path);
        request.Headers.Add("x-api-key", _token);

        using var answer = await client.SendAsync(request);

        answer.StatusCode.Should().Be(HttpStatusCode.Forbidden);
    }

    private static JsonObject Body() => new()
    {
        ["model"] = Model,
        ["max_tokens"] = 100,
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = "What is a plum?" }),
    };

    private HttpRequestMessage Request(JsonObject body, string header)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/anthropic/v1/messages")
        {
            Content = new StringContent(body.ToJsonString(), System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("anthropic-beta", "everything-2026");
        request.Headers.TryAddWithoutValidation(header, header == "Authorization" ? "Bearer " + _token : _token);
        return request;
    }

    private async Task<HttpResponseMessage> SendAsync(JsonObject body, string header = "x-api-key")
    {
        using var client = _broker.NewClient();
        using var request = Request(body, header);
        var answer = await client.SendAsync(request);
        await answer.Content.LoadIntoBufferAsync();
        return answer;
    }
}
