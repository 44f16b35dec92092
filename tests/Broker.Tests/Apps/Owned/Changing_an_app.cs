using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Owned;

public sealed class Changing_an_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Keeps_its_secret_and_takes_the_rest()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using var saved = await developer.Person.PostAsync($"/developer/{app.ClientId}", new()
        {
            ["Form.Name"] = "Renamed",
            ["Form.RedirectUris"] = BrokerHost.RedirectUri,
            ["Form.Scopes"] = "openai:chat",
            ["Form.RequirePushedRequests"] = "true",
        }, "form[action*='handler=Save']");
        saved.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        var after = await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}");
        after.GetProperty("name").GetString().Should().Be("Renamed");
        after.GetProperty("scopes").EnumerateArray().Select(s => s.GetString()).Should().Equal("openai:chat");
        after.GetProperty("require_pushed_authorization_requests").GetBoolean().Should().BeTrue();
        await developer.AskAsync(HttpMethod.Put, $"/apps/{app.ClientId}", Developer.AppBody());
        using var person = await Person.WithKeyAsync(Broker);
        (await app.ConnectAsync(person, Developer.AppScope)).AccessToken.Should().NotBeEmpty("the secret is the one that it was");
        using var kind = await developer.SendAsync(HttpMethod.Put, $"/apps/{app.ClientId}", Developer.AppBody(kind: "browser"));
        kind.StatusCode.Should().Be(HttpStatusCode.BadRequest, "an app keeps its kind");
    }

    [Fact]
    public async Task Gives_a_new_secret_and_kills_the_old_one_at_once()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await app.ConnectAsync(person, Developer.AppScope);

        using var replaced = await developer.Person.PostAsync($"/developer/{app.ClientId}/secret", []);
        var secret = (await Person.ParseAsync(replaced)).QuerySelector("#client-secret")!.TextContent;

        using var old = await app.RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(old)).Should().Be("invalid_client");
        using var fresh = await new OAuthApp(Broker, app.ClientId) { Secret = secret }.RefreshAsync(tokens.RefreshToken);
        fresh.StatusCode.Should().Be(HttpStatusCode.OK);
        var again = (await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/secret")).GetProperty("client_secret").GetString();
        again.Should().NotBe(secret);
        (await developer.Person.AuditAsync()).Count(a => a == "app.secret_replaced").Should().Be(2);

        var browser = await developer.NewAppAsync(Developer.AppBody(kind: "browser"));
        using var none = await developer.SendAsync(HttpMethod.Post, $"/apps/{browser.ClientId}/secret");
        none.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await developer.Person.GetAsync($"/developer/{browser.ClientId}/secret")).StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Asks_for_a_recent_sign_in_where_a_thief_of_an_open_browser_would_gain()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var developer = await Developer.SignedUpAsync(broker, isOperator: true);
        var app = await developer.NewAppAsync();
        var version = (await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit")).GetProperty("version").GetString()!;
        var appId = await broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync());
        clock.Advance(TimeSpan.FromMinutes(16));

        foreach (var address in new[]
        {
            $"/developer/{app.ClientId}/secret", $"/developer/{app.ClientId}/delete", $"/operator/reviews/{appId}/decide?handler=Approve",
            "/account/tokens?handler=Create",
        })
        {
            using var response = await developer.Person.PostFromAsync("/developer", address, new() { ["version"] = version, ["name"] = "x", ["days"] = "7" });
            response.StatusCode.Should().Be(HttpStatusCode.SeeOther, address);
            response.Headers.Location!.OriginalString.Should().StartWith("/sign-in?reauth=1", address);
        }

        var after = await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}");
        after.GetProperty("version").GetString().Should().Be(version, "nothing was changed");
    }

    [Fact]
    public async Task Into_nothing_ends_every_grant_and_cuts_what_streams()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await app.ConnectAsync(person, Developer.AppScope);
        using var open = await new Api(Broker, tokens.AccessToken).OpenStreamAsync("[[events:5000]] [[delay:20]]");
        open.StatusCode.Should().Be(HttpStatusCode.OK);
        (await developer.Person.PageAsync($"/developer/{app.ClientId}/delete")).Body!.TextContent.Should().Contain("One person uses it now");

        using (var deleted = await developer.Person.PostAsync($"/developer/{app.ClientId}/delete", []))
        {
            deleted.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        var read = () => open.Content.ReadAsStringAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        (await read.Should().ThrowAsync<Exception>()).Which.Should().NotBeAssignableTo<OperationCanceledException>("the broker must cut the stream by itself");
        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(refresh)).Should().Be("invalid_client");
        (await person.PageAsync("/notices")).Body!.TextContent.Should().Contain("My App was deleted by its developer, and its access has ended.");
        (await person.PageAsync("/")).Body!.TextContent.Should().Contain("My App", "it is in the history of what had access");
        (await person.AuditAsync()).Should().Contain("grant.ended");
        (await developer.Person.AuditAsync()).Should().EndWith("app.deleted");
        (await developer.SendAsync(HttpMethod.Delete, $"/apps/{app.ClientId}")).StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Into_nothing_leaves_no_row_where_nobody_ever_allowed_it()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();

        using var deleted = await developer.SendAsync(HttpMethod.Delete, $"/apps/{app.ClientId}");

        deleted.StatusCode.Should().Be(HttpStatusCode.NoContent);
        (await Broker.WithDatabaseAsync(db => db.Apps.CountAsync(a => a.ClientId == app.ClientId))).Should().Be(0);
    }

    [Fact]
    public async Task Into_nothing_leaves_what_nobody_can_list_approve_or_use()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(person, Developer.AppScope);

        (await developer.SendAsync(HttpMethod.Delete, $"/apps/{app.ClientId}")).StatusCode.Should().Be(HttpStatusCode.NoContent);

        var shell = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == app.ClientId));
        (shell.ClientSecret, shell.JsonWebKeySet, shell.RedirectUris, shell.Permissions, shell.OwnerId).Should().Be((null, null, null, null, null));
        (await reviewer.AskAsync(HttpMethod.Get, "/reviews?status=unreviewed")).GetRawText().Should().NotContain(app.ClientId);
        using var approve = await reviewer.SendAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/approve", new { version = shell.ConcurrencyToken });
        approve.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await reviewer.Person.GetAsync($"/operator/reviews/{shell.Id}")).StatusCode.Should().Be(HttpStatusCode.NotFound);
        using var decide = await reviewer.Person.PostFromAsync("/account", $"/operator/reviews/{shell.Id}/decide?handler=Approve", new() { ["Version"] = shell.ConcurrencyToken! });
        (await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.Id == shell.Id).Select(a => a.ReviewStatus).SingleAsync())).Should().Be(TokenBroker.Apps.ReviewStatus.Unreviewed);
        (await person.GetAsync(app.AuthorizeUrl())).StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }
}
