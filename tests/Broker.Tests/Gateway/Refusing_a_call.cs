using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "29")]
public sealed class Refusing_a_call(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => own.Host;

    [Fact]
    public async Task Names_the_missing_scope()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:models offline_access");

        var error = await RefusedAsync(connected, api => api.ChatAsync(), 403, "insufficient_scope", "permission_error");

        error.GetProperty("message").GetString().Should().Contain("openai:chat");
        error.GetProperty("portal_url").GetString().Should().Be(Broker.Address + "/");
    }

    [Fact]
    public async Task Says_that_the_grant_is_paused_and_forwards_again_once_it_is_resumed()
    {
        using var connected = await Connected.AsAsync(Broker);
        await connected.Person.PressAsync("Test App", "Pause");

        await RefusedAsync(connected, api => api.ChatAsync(), 403, "grant_paused", "permission_error");

        await connected.Person.PressAsync("Test App", "Pause");
        using var response = await connected.Api.ChatAsync();
        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [Trait("Checklist", "27")]
    [InlineData("gpt-4o")]
    [InlineData("gpt-4o-mini-2024-07-18")]
    [InlineData("GPT-4o-mini")]
    [InlineData("gpt-4o-mini ")]
    [InlineData(" gpt-4o-mini")]
    public async Task Allows_no_model_but_those_that_the_user_named(string model)
    {
        using var connected = await Connected.AsAsync(Broker, models: "gpt-4o-mini");
        using (var allowed = await connected.Api.ChatAsync())
        {
            allowed.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var error = await RefusedAsync(connected, api => api.ChatAsync(model: model), 403, "model_not_allowed", "permission_error");

        error.GetProperty("param").GetString().Should().Be("model");
    }

    [Fact]
    [Trait("Checklist", "27")]
    public async Task Allows_no_model_without_a_price()
    {
        var connected = await own.SomebodyAsync();

        await RefusedAsync(connected, api => api.ChatAsync(model: "a-model-of-tomorrow"), 403, "model_not_allowed", "permission_error");
    }

    [Fact]
    public async Task Allows_no_model_for_a_purpose_that_its_price_does_not_cover()
    {
        var connected = await own.SomebodyAsync();

        await RefusedAsync(connected, api => api.ChatAsync(model: "whisper-1"), 403, "model_not_allowed", "permission_error");
    }

    [Fact]
    public async Task Answers_402_where_the_budget_cannot_hold_the_call()
    {
        using var connected = await Connected.AsAsync(Broker, budget: "0.01");

        // One embedding has no output to shorten: a body that costs more than the budget is refused as it is.
        var error = await RefusedAsync(
            connected,
            api => api.PostAsync("/embeddings", new { model = "text-embedding-3-large", input = new string('a', 200_000) }),
            402,
            "budget_exhausted",
            "insufficient_quota");

        error.GetProperty("message").GetString().Should().Contain("resets on").And.Contain(Broker.Address);
    }

    [Fact]
    public async Task Says_that_the_key_was_deleted()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var deleted = await connected.Person.PostAsync("/keys", [], "form[action*='handler=Delete']");
        deleted.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        var error = await RefusedAsync(connected, api => api.ChatAsync(), 403, "upstream_key_rejected", "permission_error");

        error.GetProperty("portal_url").GetString().Should().Be(Broker.Address + "/keys");
    }

    [Theory]
    [InlineData("POST", "/realtime/sessions")]
    [InlineData("POST", "/realtime/client_secrets")]
    [InlineData("GET", "/organization/users")]
    [InlineData("POST", "/organization/admin_api_keys")]
    [InlineData("GET", "/organization/costs")]
    [InlineData("GET", "/projects")]
    [InlineData("DELETE", "/models/ft:gpt-4o-mini-2024-07-18:acme::1")]
    [InlineData("PUT", "/chat/completions")]
    [InlineData("PATCH", "/chat/completions")]
    [InlineData("HEAD", "/models")]
    [InlineData("OPTIONS", "/models")]
    [InlineData("POST", "/models")]
    [InlineData("POST", "/nothing/like/this")]
    public async Task Forwards_nothing_that_the_catalogue_does_not_list(string method, string path)
    {
        var connected = await own.SomebodyAsync();
        var before = Broker.Journal.Arrived;

        using var response = await connected.Api.SendAsync(new HttpMethod(method), path);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        if (method != "HEAD")
        {
            (await Api.ErrorAsync(response)).Code.Should().Be("operation_not_allowed");
        }

        Broker.Journal.Arrived.Should().Be(before);
    }

    [Theory]
    [InlineData("a-model-of-tomorrow", "has no price here", false)]
    [InlineData("text-embedding-3-small", "has no price here for this operation", false)]
    [InlineData("gpt-4o", "not among those that the user allows", true)]
    public async Task Says_whether_the_user_or_the_price_list_lacks_the_model(string model, string words, bool isUsers)
    {
        using var connected = await Connected.AsAsync(Broker, models: isUsers ? "gpt-4o-mini" : null);

        var error = await RefusedAsync(connected, api => api.ChatAsync(model: model), 403, "model_not_allowed", "permission_error");

        error.GetProperty("message").GetString().Should().Contain(words);
        error.TryGetProperty("portal_url", out _).Should().Be(isUsers, "the user can mend what is theirs");
    }

    [Fact]
    public async Task Is_described_in_the_challenge_in_what_a_header_can_hold()
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await connected.Api.ChatAsync(model: "x\", error=\"y\\\u00e9\r\nSet-Cookie: z=1");

        response.Headers.WwwAuthenticate.Should().ContainSingle().Which.Parameter.Should()
            .Contain("error=\"access_denied\", error_description=\"The model 'x', error='y/???Set-Cookie: z=1' has no price here");
        response.Headers.Contains("Set-Cookie").Should().BeFalse();
    }

    [Fact]
    public async Task Is_noted_with_its_reason()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:models offline_access");
        await RefusedAsync(connected, api => api.ChatAsync(), 403, "insufficient_scope", "permission_error");

        var noted = await Eventually.IsAsync(
            () => Broker.WithDatabaseAsync(db => Task.FromResult(db.AuditEvents.AsEnumerable()
                .Where(e => JsonSerializer.Serialize(e).Contains(connected.GrantId.ToString(), StringComparison.OrdinalIgnoreCase)).Select(e => JsonSerializer.Serialize(e)).ToList())),
            events => events.Any(e => e.Contains("insufficient_scope", StringComparison.Ordinal)));

        noted.Should().Contain(e => e.Contains("insufficient_scope", StringComparison.Ordinal));
    }

    /// <summary>The whole shape of a refusal, and that the upstream never heard of the call.</summary>
    private async Task<JsonElement> RefusedAsync(
        Connected connected, Func<Api, Task<HttpResponseMessage>> call, int status, string code, string type)
    {
        var before = Broker.Journal.Arrived;
        using var response = await call(connected.Api);

        ((int)response.StatusCode).Should().Be(status, await response.Content.ReadAsStringAsync());
        Broker.Journal.Arrived.Should().Be(before, "a refused call is not sent");
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        response.Headers.WwwAuthenticate.Count.Should().Be(status switch { 401 => 2, 403 => 1, _ => 0 });
        var json = await response.Content.ReadFromJsonAsync<JsonElement>();
        json.GetProperty("request_id").GetString().Should().StartWith("req_").And.Be(response.Headers.GetValues("TokenBroker-Request-Id").Single());
        var error = json.GetProperty("error");
        error.GetProperty("code").GetString().Should().Be(code);
        error.GetProperty("type").GetString().Should().Be(type);
        error.GetProperty("message").GetString().Should().NotBeNullOrWhiteSpace();
        error.TryGetProperty("param", out _).Should().BeTrue();
        return error;
    }
}
