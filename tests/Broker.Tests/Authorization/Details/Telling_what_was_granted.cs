using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Details;

/// <summary>The token response, introspection and <c>GET /api/v1/grant</c> say one thing.</summary>
public sealed class Telling_what_was_granted(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Says_the_same_in_three_places()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:chat openai:models offline_access", budget: "7.50", models: "gpt-4o-mini o3");
        var app = new OAuthApp(Broker);

        var introspection = await IntrospectAsync(app, connected.Tokens.AccessToken);
        var grant = await GrantAsync(connected.Tokens.AccessToken);

        var said = connected.Tokens.Raw.GetProperty("authorization_details");
        var detail = said.EnumerateArray().Should().ContainSingle().Which;
        detail.GetProperty("type").GetString().Should().Be("model_access");
        detail.GetProperty("upstream").GetString().Should().Be("openai");
        detail.GetProperty("locations").EnumerateArray().Single().GetString().Should().Be(Broker.Address + "/openai/v1");
        detail.GetProperty("models").EnumerateArray().Select(m => m.GetString()).Should().BeEquivalentTo("gpt-4o-mini", "o3");
        detail.GetProperty("budget").GetProperty("amount").GetString().Should().Be("7.50");
        detail.GetProperty("budget").GetProperty("currency").GetString().Should().Be("USD");
        detail.GetProperty("budget").GetProperty("period").GetString().Should().Be("month");
        detail.GetProperty("budget").GetProperty("remaining").GetString().Should().Be("7.50");
        detail.GetProperty("rate").GetProperty("requests_per_minute").GetInt32().Should().Be(1_000_000);
        detail.GetProperty("lifetime").GetInt64().Should().BeCloseTo(30 * 86_400, 60);
        detail.GetProperty("purse").GetString().Should().Be("own_key");

        WithoutTime(introspection.GetProperty("authorization_details")).Should().Be(WithoutTime(said));
        WithoutTime(grant.GetProperty("authorization_details")).Should().Be(WithoutTime(said));
        introspection.GetProperty("active").GetBoolean().Should().BeTrue();
        introspection.GetProperty("client_id").GetString().Should().Be(BrokerHost.AppId);
        introspection.GetProperty("grant_status").GetString().Should().Be("active");
        introspection.GetProperty("sub").GetString().Should().NotBeNullOrEmpty();
        introspection.GetProperty("exp").GetInt64().Should().BeGreaterThan(introspection.GetProperty("iat").GetInt64());
        grant.GetProperty("client_id").GetString().Should().Be(BrokerHost.AppId);
        grant.GetProperty("app").GetString().Should().Be("Test App");
        grant.GetProperty("status").GetString().Should().Be("active");
        grant.GetProperty("paused").GetBoolean().Should().BeFalse();
        grant.GetProperty("expires_at").GetDateTimeOffset().Should().BeCloseTo(DateTimeOffset.UtcNow.AddDays(30), TimeSpan.FromMinutes(2));
        string[] scopes = ["openai:chat", "openai:models", "offline_access"];
        introspection.GetProperty("scope").GetString()!.Split(' ').Should().BeEquivalentTo(scopes);
        grant.GetProperty("scope").GetString()!.Split(' ').Should().BeEquivalentTo(scopes);
    }

    [Fact]
    public async Task Says_it_again_at_each_refresh_and_the_same_to_a_retry()
    {
        using var connected = await Connected.AsAsync(Broker);
        var app = new OAuthApp(Broker);

        using var refreshed = await app.RefreshAsync(connected.Tokens.RefreshToken);
        using var retried = await app.RefreshAsync(connected.Tokens.RefreshToken);

        var text = await refreshed.Content.ReadAsStringAsync();
        JsonNode.Parse(text)!["authorization_details"]![0]!["type"]!.GetValue<string>().Should().Be("model_access");
        (await retried.Content.ReadAsStringAsync()).Should().Be(text, "inside the leeway the same answer comes back, details and all");
    }

    [Fact]
    public async Task Counts_what_is_left()
    {
        using var connected = await Connected.AsAsync(Broker, budget: "5");
        (await RemainingAsync(connected)).Should().Be(5m);

        (await connected.Api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        var usage = (await connected.UsageAsync()).Single();

        usage.CostMicros.Should().BePositive();
        (await RemainingAsync(connected)).Should().Be(5m - (usage.CostMicros / 1_000_000m));
    }

    [Theory]
    [InlineData("Day", "2026-05-31T22:10:00Z", "2026-06-01T00:00:00Z")]
    [InlineData("Month", "2026-12-31T22:10:00Z", "2027-01-01T00:00:00Z")]
    [InlineData("Total", "2026-05-31T22:10:00Z", null)]
    public async Task Says_when_the_budget_begins_anew(string period, string now, string? resets)
    {
        await using var broker = await BrokerHost.StartAsync(clock: new(DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture)));
        using var connected = await Connected.AsAsync(broker);
        await broker.WithDatabaseAsync(db => db.Grants.ExecuteUpdateAsync(set => set.SetProperty(g => g.BudgetPeriod, Enum.Parse<BudgetPeriod>(period))));

        var budget = (await GrantAsync(connected.Tokens.AccessToken, broker)).GetProperty("authorization_details")[0].GetProperty("budget");

        budget.GetProperty("period").GetString().Should().Be(period.ToLowerInvariant());
        (budget.TryGetProperty("resets_at", out var at) ? at.GetString() : null).Should().Be(resets);
    }

    [Fact]
    public async Task Tells_of_a_pause_and_not_of_a_grant_that_ended()
    {
        using var connected = await Connected.AsAsync(Broker);
        var app = new OAuthApp(Broker);
        var token = connected.Tokens.AccessToken;

        await connected.Person.PressAsync("Test App", "Pause");
        (await IntrospectAsync(app, token)).GetProperty("grant_status").GetString().Should().Be("paused");
        (await IntrospectAsync(app, token)).GetProperty("active").GetBoolean().Should().BeTrue();
        (await GrantAsync(token)).GetProperty("paused").GetBoolean().Should().BeTrue();
        (await GrantAsync(token)).GetProperty("status").GetString().Should().Be("paused");

        await connected.Person.PressAsync("Test App", "Revoke");
        (await IntrospectAsync(app, token)).EnumerateObject().Select(p => p.Name).Should().Equal(["active"], "nothing is said of a dead token");
        (await IntrospectAsync(app, connected.Tokens.RefreshToken)).GetProperty("active").GetBoolean().Should().BeFalse();
        using var ended = await AskAsync(token);
        ended.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(ended)).Code.Should().BeOneOf("grant_revoked", "invalid_token");
    }

    [Fact]
    public async Task Ends_with_the_grants_own_end()
    {
        var clock = new Microsoft.Extensions.Time.Testing.FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker);
        await broker.WithDatabaseAsync(db => db.Grants.ExecuteUpdateAsync(set => set.SetProperty(g => g.ExpiresAt, clock.GetUtcNow().UtcDateTime.AddMinutes(5))));
        clock.Advance(TimeSpan.FromMinutes(6));

        var introspection = await IntrospectAsync(new OAuthApp(broker), connected.Tokens.AccessToken);

        introspection.GetProperty("active").GetBoolean().Should().BeFalse("the token lives on for minutes, its grant does not");
    }

    [Fact]
    public async Task Tells_no_other_app()
    {
        using var connected = await Connected.AsAsync(Broker);
        var other = new OAuthApp(Broker, BrokerHost.OtherAppId);

        foreach (var token in new[] { connected.Tokens.AccessToken, connected.Tokens.RefreshToken, "nonsense" })
        {
            (await IntrospectAsync(other, token)).GetRawText().Should().Be("""{"active":false}""");
        }

        using var nobody = await new OAuthApp(Broker) { Secret = "wrong" }.IntrospectAsync(connected.Tokens.AccessToken);
        nobody.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var anybody = await new OAuthApp(Broker, BrokerHost.PublicAppId).IntrospectAsync(connected.Tokens.AccessToken);
        anybody.IsSuccessStatusCode.Should().BeFalse("a public client proves nothing");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("nonsense")]
    public async Task Wants_a_token(string? token)
    {
        using var response = await AskAsync(token);

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        response.Headers.WwwAuthenticate.Should().ContainSingle(challenge => challenge.Scheme == "Bearer");
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_token");
    }

    [Fact]
    public async Task Is_kept_by_no_cache_and_takes_no_refresh_token()
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await AskAsync(connected.Tokens.AccessToken);
        using var wrong = await AskAsync(connected.Tokens.RefreshToken);

        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
        wrong.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    private async Task<decimal> RemainingAsync(Connected connected) => decimal.Parse(
        (await GrantAsync(connected.Tokens.AccessToken)).GetProperty("authorization_details")[0].GetProperty("budget").GetProperty("remaining").GetString()!,
        System.Globalization.CultureInfo.InvariantCulture);

    private static async Task<JsonElement> IntrospectAsync(OAuthApp app, string token)
    {
        using var response = await app.IntrospectAsync(token);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<JsonElement> GrantAsync(string token, BrokerHost? broker = null)
    {
        using var response = await AskAsync(token, broker);
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<HttpResponseMessage> AskAsync(string? token, BrokerHost? broker = null)
    {
        using var http = (broker ?? Broker).NewClient();
        http.DefaultRequestHeaders.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        return await http.GetAsync("/api/v1/grant");
    }

    /// <summary>The answers come seconds apart, and say what is left of the lifetime.</summary>
    private static string WithoutTime(JsonElement details)
    {
        var node = JsonNode.Parse(details.GetRawText())!;
        node[0]!.AsObject().Remove("lifetime").Should().BeTrue();
        return node.ToJsonString();
    }
}
