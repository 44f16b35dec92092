using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;
using static TokenBroker.Tests.Authorization.Exchange.DelegatingApp;

namespace TokenBroker.Tests.Authorization.Exchange;

/// <summary>RFC 8693: what comes out is narrower and shorter than what went in, or nothing comes out.</summary>
public sealed class Exchanging_a_token(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    public static TheoryData<string, string, string> MoreThanIsHeld => new()
    {
        { "scope", "openai:images", "invalid_request" }, // the app is not registered for it at all
        { "scope", "openid", "invalid_scope" },
        { "scope", "openai:chat offline_access", "invalid_scope" },
        { "authorization_details", ModelAccessOf("""
            "models":["gpt-4o"]
            """), "invalid_authorization_details" },
        { "authorization_details", ModelAccessOf("""
            "budget":{"amount":"5.01","currency":"USD","period":"month"}
            """), "invalid_authorization_details" },
        { "authorization_details", ModelAccessOf("""
            "rate":{"requests_per_minute":1000001}
            """), "invalid_authorization_details" },
        { "authorization_details", ModelAccessOf("""
            "lifetime":59
            """), "invalid_authorization_details" },
        { "authorization_details", ModelAccessOf("""
            "wish":1
            """), "invalid_authorization_details" },
        { "authorization_details", "[]", "invalid_authorization_details" },
    };

    public static TheoryData<string, string?> NoRequest => new()
    {
        { "subject_token", null },
        { "subject_token", "not-a-token" },
        { "subject_token_type", null },
        { "subject_token_type", "urn:ietf:params:oauth:token-type:refresh_token" },
        { "subject_token_type", "urn:ietf:params:oauth:token-type:id_token" },
        { "requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token" },
        { "requested_token_type", "urn:ietf:params:oauth:token-type:id_token" },
        { "actor_token", "anything" },
    };

    [Fact]
    public async Task Gives_an_access_token_and_nothing_else()
    {
        using var app = await ConnectAsync(Broker);

        using var response = await app.ExchangeAsync();

        var child = await OAuthApp.ReadAsync(response);
        child.Raw.GetProperty("issued_token_type").GetString().Should().Be("urn:ietf:params:oauth:token-type:access_token");
        child.Raw.GetProperty("token_type").GetString().Should().Be("Bearer");
        child.Raw.TryGetProperty("refresh_token", out _).Should().BeFalse();
        child.Raw.TryGetProperty("id_token", out _).Should().BeFalse();
        child.ExpiresIn.Should().BeInRange(590, 600, "ten minutes unless it asks for another time");
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        using var call = await new Api(Broker, child.AccessToken).ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);
        using var own = await new Api(Broker, app.Tokens.AccessToken).ChatAsync();
        own.StatusCode.Should().Be(HttpStatusCode.OK, "an exchange uses nothing up");
    }

    [Fact]
    public async Task Gives_fewer_scopes()
    {
        using var app = await ConnectAsync(Broker);

        var child = new Api(Broker, (await app.ChildAsync(scope: "openai:models")).AccessToken);

        using var allowed = await child.GetAsync("/models");
        using var refused = await child.ChatAsync();
        allowed.StatusCode.Should().Be(HttpStatusCode.OK);
        (await Api.ErrorAsync(refused)).Code.Should().Be("insufficient_scope");
    }

    [Fact]
    public async Task Gives_fewer_models_and_tells_what_it_gave()
    {
        using var app = await ConnectAsync(Broker, models: "gpt-4o-mini gpt-4.1-mini");

        var tokens = await app.ChildAsync(scope: "openai:chat", details: ModelAccessOf("""
            "models":["gpt-4o-mini"],"budget":{"amount":"0.25","currency":"USD","period":"total"},"rate":{"requests_per_minute":5},"lifetime":120
            """));

        tokens.ExpiresIn.Should().BeInRange(110, 120);
        var detail = tokens.Raw.GetProperty("authorization_details")[0];
        detail.GetProperty("models").EnumerateArray().Select(m => m.GetString()).Should().Equal("gpt-4o-mini");
        detail.GetProperty("budget").GetProperty("amount").GetString().Should().Be("0.25");
        detail.GetProperty("budget").GetProperty("remaining").GetString().Should().Be("0.25");
        detail.GetProperty("rate").GetProperty("requests_per_minute").GetInt32().Should().Be(5);
        var child = new Api(Broker, tokens.AccessToken);
        using var refused = await child.ChatAsync(model: "gpt-4.1-mini");
        (await Api.ErrorAsync(refused)).Code.Should().Be("model_not_allowed");
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 6; i++)
        {
            using var call = await child.ChatAsync();
            statuses.Add(call.StatusCode);
        }

        statuses.Should().Contain(HttpStatusCode.OK).And.EndWith(HttpStatusCode.TooManyRequests, "its rate is its own");
        using var parents = await new Api(Broker, app.Tokens.AccessToken).ChatAsync();
        parents.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [MemberData(nameof(MoreThanIsHeld))]
    public async Task Refuses_more_than_the_subject_token_holds(string parameter, string value, string error)
    {
        using var app = await ConnectAsync(Broker, models: "gpt-4o-mini");

        using var response = await app.ExchangeAsync(change: new() { [parameter] = value });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be(error);
        (await CutsAsync(app)).Should().Be(0, "a refusal leaves nothing behind");
    }

    [Theory]
    [MemberData(nameof(NoRequest))]
    public async Task Refuses_what_is_no_exchange(string parameter, string? value)
    {
        using var app = await ConnectAsync(Broker);

        using var response = await app.ExchangeAsync(change: new() { [parameter] = value });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_request");
    }

    [Fact]
    public async Task Refuses_another_apps_token()
    {
        using var app = await ConnectAsync(Broker);
        using var other = await ConnectAsync(Broker);

        using var response = await app.ExchangeAsync(other.Tokens.AccessToken);

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_request");
    }

    [Fact]
    public async Task Refuses_a_refresh_token_that_is_called_an_access_token()
    {
        using var app = await ConnectAsync(Broker);

        using var response = await app.ExchangeAsync(app.Tokens.RefreshToken);

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_request");
    }

    [Fact]
    public async Task Refuses_an_app_that_is_not_registered_for_it()
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await new OAuthApp(Broker).TokenAsync(new()
        {
            ["grant_type"] = "urn:ietf:params:oauth:grant-type:token-exchange",
            ["subject_token"] = connected.Tokens.AccessToken,
            ["subject_token_type"] = "urn:ietf:params:oauth:token-type:access_token",
        });

        (await OAuthApp.ErrorAsync(response)).Should().Be("unauthorized_client");
    }

    [Fact]
    public async Task Refuses_a_token_whose_grant_is_paused_or_over()
    {
        using var app = await ConnectAsync(Broker);
        await app.Person.PressAsync(app.Name, "Pause");
        using var paused = await app.ExchangeAsync();
        await app.Person.PressAsync(app.Name, "Revoke");
        using var revoked = await app.ExchangeAsync();

        (await OAuthApp.ErrorAsync(paused)).Should().Be("invalid_request");
        (await OAuthApp.ErrorAsync(revoked)).Should().Be("invalid_request");
    }

    [Fact]
    public async Task Ends_no_later_than_the_subject_token()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var app = await ConnectAsync(broker);
        clock.Advance(TimeSpan.FromMinutes(25));
        var tokens = await app.ChildAsync(details: ModelAccessOf("""
            "lifetime":86400
            """));

        tokens.ExpiresIn.Should().BeInRange(1, 300);
        clock.Advance(TimeSpan.FromMinutes(5));
        using var late = await new Api(broker, tokens.AccessToken).ChatAsync();
        late.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Can_be_done_again_with_what_came_out_but_not_for_ever()
    {
        using var app = await ConnectAsync(Broker);
        var first = await app.ChildAsync(scope: "openai:chat openai:models");
        var second = await app.ChildAsync(first.AccessToken, "openai:chat");
        var third = await app.ChildAsync(second.AccessToken);

        using var call = await new Api(Broker, third.AccessToken).ChatAsync();
        using var wider = await app.ExchangeAsync(second.AccessToken, new() { ["scope"] = "openai:models" });
        using var fourth = await app.ExchangeAsync(third.AccessToken);

        call.StatusCode.Should().Be(HttpStatusCode.OK);
        (await OAuthApp.ErrorAsync(wider)).Should().Be("invalid_scope");
        (await OAuthApp.ErrorAsync(fourth)).Should().Be("invalid_request");
    }

    [Fact]
    public async Task Is_bounded_in_number()
    {
        using var app = await ConnectAsync(Broker);
        for (var i = 0; i < 100; i++)
        {
            using var fits = await app.ExchangeAsync();
            fits.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using var one = await app.ExchangeAsync();

        (await OAuthApp.ErrorAsync(one)).Should().Be("invalid_request");
    }

    [Fact]
    public async Task Shows_the_person_one_app_and_not_its_parts()
    {
        using var app = await ConnectAsync(Broker);
        await app.ChildAsync();
        await app.ChildAsync();

        (await app.Person.PageAsync("/")).QuerySelectorAll("li[data-app]").Should().ContainSingle();
    }

    [Fact]
    public async Task Is_recorded()
    {
        using var app = await ConnectAsync(Broker);
        await app.ChildAsync(scope: "openai:chat");

        var detail = await Broker.WithDatabaseAsync(async db =>
        {
            var cut = await db.Grants.Where(g => g.ParentId != null && g.Application!.DisplayName == app.Name).Select(g => g.Id).SingleAsync();
            var target = $"grant:{cut}";
            return await db.AuditEvents.Where(e => e.Target == target && e.Action == "grant.cut").Select(e => e.Detail).SingleAsync();
        });

        detail.Should().Contain("openai:chat");
    }

    private static Task<int> CutsAsync(DelegatingApp app) => app.Broker.WithDatabaseAsync(
        db => db.Grants.CountAsync(g => g.ParentId != null && g.Application!.DisplayName == app.Name));
}
