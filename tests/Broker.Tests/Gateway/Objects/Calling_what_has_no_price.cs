using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed class Calling_what_has_no_price(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Video = """{"prompt":"A plum"}""";

    [Fact]
    public async Task Is_refused_by_name()
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);

        using var response = await connected.Api.PostRawAsync("/videos", Video);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        var (code, error) = await Api.ErrorAsync(response);
        code.Should().Be("operation_not_priced");
        error.GetProperty("message").GetString().Should().Contain("videos.create");
        connected.Received.Should().BeEmpty();
    }

    [Fact]
    public async Task Costs_the_ceiling_that_the_operator_set()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:CeilingMicros:videos.create"] = "400000" });
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, budget: "1");

        using var first = await connected.Api.PostRawAsync("/videos", Video);
        using var second = await connected.Api.PostRawAsync("/videos", Video);
        using var third = await connected.Api.PostRawAsync("/videos", Video);

        first.StatusCode.Should().Be(HttpStatusCode.OK);
        second.StatusCode.Should().Be(HttpStatusCode.OK);
        third.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        (await connected.SpendAsync(2)).CostMicros.Should().Be(800_000);
    }

    [Fact]
    public async Task Runs_no_model_that_the_user_did_not_allow()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:CeilingMicros:videos.create"] = "400000" });
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes, models: "gpt-4o-mini");

        using var response = await connected.Api.PostRawAsync("/videos", """{"model":"sora-2","prompt":"A plum"}""");

        (await Api.ErrorAsync(response)).Code.Should().Be("model_not_allowed");
        connected.Received.Should().BeEmpty();
    }

    [Theory]
    [InlineData("POST", "/realtime/client_secrets", "realtime.client_secrets")]
    [InlineData("GET", "/organization/users", "organization")]
    [InlineData("DELETE", "/models/gpt-4o", "models.delete")]
    [InlineData("POST", "/responses?beta=true", "beta")]
    public async Task Is_denied_by_name_where_it_belongs_to_no_app(string method, string path, string name)
    {
        var connected = await own.SomebodyAsync();
        var before = own.Host.Journal.Arrived;

        using var response = await connected.Api.SendAsync(new HttpMethod(method), path);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await response.Content.ReadAsStringAsync()).Should().Contain("operation_not_allowed").And.Contain($"'{name}'");
        own.Host.Journal.Arrived.Should().Be(before);
    }

    [Theory]
    [Trait("Checklist", "18")]
    [InlineData("/files?limit=1&limit=2", "limit")]
    [InlineData("/files?novel=1", "novel")]
    [InlineData("/files?limit", "limit")]
    [InlineData("/files?limit=", "limit")]
    [InlineData("/files?limit=%31", "limit")]
    [InlineData("/files?limit=1;after=x", "limit")]
    [InlineData("/files?Limit=1", "Limit")]
    [InlineData("/files?purpose=a b", "purpose")]
    [InlineData("/models?limit=1", "limit")]
    public async Task With_a_query_that_it_does_not_take_is_refused_by_name(string path, string parameter)
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        var before = own.Host.Journal.Arrived;

        var answer = await RawHttp.SendAsync(own.Host, RawHttp.Request("GET", "/openai/v1" + path, connected.Tokens.AccessToken, null));

        answer.Status.Should().BeOneOf(400, 403);
        own.Host.Journal.Arrived.Should().Be(before);
        if (answer.Status == 403)
        {
            answer.Text.Should().Contain($"\"param\":\"{parameter}\"");
        }
    }

    [Theory]
    [Trait("Checklist", "18")]
    [InlineData("/files?limit=5&order=asc&purpose=user_data")]
    [InlineData("/vector_stores?limit=5")]
    public async Task With_a_query_that_it_takes_is_sent_byte_for_byte(string path)
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);

        using var response = await connected.Api.GetAsync(path);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received[^1].Target.Should().Be("/v1" + path);
    }

    [Fact]
    public async Task That_the_operator_allows_is_no_longer_denied()
    {
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Upstreams:openai:Allow:0"] = "realtime.client_secrets",
            ["Apps:0:Scopes:30"] = "openai:realtime",
        });
        using var connected = await Connected.AsAsync(broker, "openai:realtime offline_access");

        using var response = await connected.Api.PostRawAsync("/realtime/client_secrets", "{}");

        (await Api.ErrorAsync(response)).Code.Should().Be("operation_not_priced");
    }
}
