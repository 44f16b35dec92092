using System.Net;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connecting;

public sealed class Connecting_an_account(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Leads_through_consent_to_an_answer_paid_by_the_users_own_key()
    {
        await using var app = await AppHost.StartAsync(Broker);
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(Broker, key);

        (await app.ConnectAsync(person)).Should().Be("/chat");

        using var answer = await app.SendAsync(person, HttpMethod.Get, "/ask?text=Hello");
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        (await answer.Content.ReadAsStringAsync()).Should().Be(Reply.To("Hello"));
        Broker.Journal.Snapshot().Should().Contain(exchange => exchange.Key == key && exchange.Path == "/v1/chat/completions");
    }

    [Fact]
    public async Task Belongs_to_this_browser_where_nobody_is_signed_in_to_the_app()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        using var stranger = new Person(Broker);
        await app.ConnectAsync(person);

        (await IsConnectedAsync(app, person)).Should().BeTrue();
        (await IsConnectedAsync(app, stranger)).Should().BeFalse();
    }

    [Fact]
    public async Task Belongs_to_the_apps_user_in_every_browser_where_one_is_signed_in()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");
        using var elsewhere = new Person(Broker);

        (await IsConnectedAsync(app, elsewhere, "ada")).Should().BeTrue();
        (await IsConnectedAsync(app, person, "bob")).Should().BeFalse();
        (await IsConnectedAsync(app, person)).Should().BeFalse("signed out of the app, the browser has nothing");
    }

    [Fact]
    public async Task Tells_the_app_what_the_user_granted()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada", new() { ["Form.Scopes"] = "openai:chat" });

        var grant = await app.Of("ada").GetGrantAsync();

        grant!.Scopes.Should().Contain("openai:chat").And.NotContain("openai:models");
        grant.CanRefresh.Should().BeTrue();
        grant.AccessTokenExpiresAt.Should().BeCloseTo(TimeProvider.System.GetUtcNow().AddMinutes(30), TimeSpan.FromMinutes(1));
        grant.ConnectedAt.Should().BeCloseTo(TimeProvider.System.GetUtcNow(), TimeSpan.FromMinutes(1));
    }

    [Fact]
    public async Task Asks_with_a_fresh_state_and_challenge_each_time()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = new Person(Broker);

        var first = QueryHelpers.ParseQuery((await app.BeginAsync(person)).Query);
        var second = QueryHelpers.ParseQuery((await app.BeginAsync(person)).Query);

        first["code_challenge_method"].ToString().Should().Be("S256");
        first["response_type"].ToString().Should().Be("code");
        first["redirect_uri"].ToString().Should().Be(app.Callback);
        first["scope"].ToString().Should().Be("openai:chat openai:models offline_access");
        first["state"].ToString().Should().HaveLength(43).And.NotBe(second["state"].ToString());
        first["code_challenge"].ToString().Should().HaveLength(43).And.NotBe(second["code_challenge"].ToString());
    }

    [Fact]
    public async Task Works_in_two_tabs_at_once()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var one = await app.BeginAsync(person, query: "?returnUrl=/one");
        var two = await app.BeginAsync(person, query: "?returnUrl=/two");

        using var first = await app.OpenAsync(person, await app.AnswerAsync(person, one));
        using var second = await app.OpenAsync(person, await app.AnswerAsync(person, two));

        first.Headers.Location!.OriginalString.Should().Be("/one");
        second.Headers.Location!.OriginalString.Should().Be("/two");
        (await IsConnectedAsync(app, person)).Should().BeTrue();
    }

    [Fact]
    public async Task Comes_back_with_access_denied_where_the_user_says_no()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person), new() { ["Form.Decision"] = "deny" });

        using var response = await app.OpenAsync(person, callback);

        response.Headers.Location!.OriginalString.Should().Be("/chat?tokenbroker_error=access_denied");
        (await IsConnectedAsync(app, person)).Should().BeFalse();
        app.Traffic.To("/connect/token").Should().BeEmpty();
    }

    [Fact]
    public async Task Comes_back_with_a_code_where_the_broker_is_down()
    {
        await using var broker = await BrokerHost.StartAsync();
        await using var app = await AppHost.StartAsync(broker);
        using var person = new Person(broker);
        await broker.StopBrokerAsync();

        (await app.BeginAsync(person)).OriginalString.Should().Be("/chat?tokenbroker_error=broker_unavailable");
    }

    [Fact]
    public async Task Comes_back_with_a_code_where_the_secret_is_wrong()
    {
        await using var app = await AppHost.StartAsync(Broker, new AppSettings { Options = options => options.ClientSecret = "not the secret of this app" });
        using var person = await Person.WithKeyAsync(Broker);

        (await app.ConnectAsync(person)).Should().Be("/chat?tokenbroker_error=invalid_client");

        app.Log.Lines.Should().Contain(line => line.Contains("Check ClientId and ClientSecret", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Comes_back_with_a_code_where_the_authority_is_not_what_the_broker_calls_itself()
    {
        await using var app = await AppHost.StartAsync(Broker, new AppSettings
        {
            Options = options => options.Authority = Broker.Address.Replace("localhost", "127.0.0.1", StringComparison.Ordinal),
        });
        using var person = new Person(Broker);

        (await app.BeginAsync(person)).OriginalString.Should().Be("/chat?tokenbroker_error=broker_misconfigured");

        app.Log.Lines.Should().Contain(line => line.Contains($"The broker calls itself '{Broker.Address}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Again_renews_the_same_grant()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await app.ConnectedPersonAsync("ada");

        (await app.ConnectAsync(person, "ada")).Should().Be("/chat");

        var grants = await Broker.WithDatabaseAsync(db => db.Grants.CountAsync(g => g.Application!.ClientId == app.Settings.ClientId));
        grants.Should().Be(1);
        (await app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello")).Value.Content[0].Text.Should().Be(Reply.To("Hello"));
    }

    internal static async Task<bool> IsConnectedAsync(AppHost app, Person person, string? user = null)
    {
        using var response = await app.SendAsync(person, HttpMethod.Get, "/connected", user);
        return await response.Content.ReadAsStringAsync() == "true";
    }
}
