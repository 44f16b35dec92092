using System.Net;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody;
using TokenBroker.Tests.Authorization.Exchange;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Carrying;

/// <summary>A key that the person gives to one app and that is never stored: it lives as long as the app's tokens do.</summary>
public sealed class Carrying_a_key(SharedBroker shared)
{
    private static readonly TimeSpan AccessTokenLifetime = TimeSpan.FromMinutes(30);

    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Calls_with_it_and_stores_no_key()
    {
        using var carried = await CarriedAsync(Broker);

        using var answer = await carried.Api.ChatAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        Broker.Journal.Snapshot().Should().Contain(e => e.Key == carried.Key && e.Path == "/v1/chat/completions");
        (await Broker.WithDatabaseAsync(db => db.UpstreamKeys.CountAsync(k => k.LastFour == carried.Key.Substring(carried.Key.Length - 4)))).Should().Be(0);
        (await GrantAsync(carried)).Should().Match<TokenBroker.Grants.Grant>(g => g.CarriesKey && g.UpstreamKeyId == null && g.CarriedLastFour == carried.Key.Substring(carried.Key.Length - 4));
    }

    [Fact]
    public async Task Hands_it_on_at_each_refresh_and_takes_what_was_used_up_away()
    {
        await using var broker = await BrokerHost.StartAsync(clock: new FakeTimeProvider(DateTimeOffset.UtcNow));
        using var carried = await CarriedAsync(broker);
        var tokens = carried.Tokens;
        (await RowsAsync(broker)).Should().HaveCount(2, "one for the access token, one for the refresh token, and the code's is used up");
        for (var i = 0; i < 3; i++)
        {
            broker.Clock!.Advance(AccessTokenLifetime - TimeSpan.FromMinutes(1));
            var before = await RowsAsync(broker);

            using var response = await carried.App.RefreshAsync(tokens.RefreshToken);
            tokens = await OAuthApp.ReadAsync(response);

            var after = await RowsAsync(broker);
            after.Except(before).Should().HaveCount(2);
            before.Except(after).Should().NotBeEmpty("the refresh token's is used up");
        }

        await broker.RestartBrokerAsync();
        using var answer = await new Api(broker, tokens.AccessToken).ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Gives_the_same_successor_to_one_who_lost_the_answer()
    {
        using var carried = await CarriedAsync(Broker);
        using var lost = await carried.App.RefreshAsync(carried.Tokens.RefreshToken);
        var first = await OAuthApp.ReadAsync(lost);

        using var again = await carried.App.RefreshAsync(carried.Tokens.RefreshToken);
        var second = await OAuthApp.ReadAsync(again);

        second.RefreshToken.Should().Be(first.RefreshToken);
        using var answer = await new Api(Broker, second.AccessToken).ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Is_gone_after_a_day_without_a_refresh()
    {
        await using var broker = await BrokerHost.StartAsync(clock: new FakeTimeProvider(DateTimeOffset.UtcNow));
        using var carried = await CarriedAsync(broker);
        var carrier = await CarrierOfAsync(broker, carried.Tokens.AccessToken);
        broker.Clock!.Advance(TimeSpan.FromHours(24) + TimeSpan.FromSeconds(1));

        using var refreshed = await carried.App.RefreshAsync(carried.Tokens.RefreshToken);

        (await OAuthApp.ErrorAsync(refreshed)).Should().Be("invalid_grant");
        await using (var scope = broker.Services.CreateAsyncScope())
        {
            (await scope.ServiceProvider.GetRequiredService<CarriedKeys>().OpenAsync(carrier, CancellationToken.None)).Should().BeNull("what has ended is not opened, pruned or not");
        }

        await Eventually.IsAsync(() => RowsAsync(broker), rows => rows.Count == 0);
    }

    [Fact]
    public async Task Is_gone_at_once_when_the_person_ends_the_access()
    {
        using var carried = await CarriedAsync(Broker);
        using var before = await carried.Api.ChatAsync();
        before.StatusCode.Should().Be(HttpStatusCode.OK);

        await carried.Person.PressAsync("Test App", "Revoke");

        (await RowsAsync(Broker, carried.GrantId)).Should().BeEmpty();
        using var after = await carried.Api.ChatAsync();
        (await Api.ErrorAsync(after)).Code.Should().Be("grant_revoked");
    }

    [Fact]
    public async Task Is_handed_on_to_a_token_that_is_cut_from_one_that_carries_it()
    {
        var key = BrokerHost.NewKey();
        using var app = await DelegatingApp.ConnectAsync(Broker, neverStored: key);

        var child = await app.ChildAsync(scope: "openai:chat");

        using var answer = await new Api(Broker, child.AccessToken).ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        Broker.Journal.Snapshot().Count(e => e.Key == key && e.Path == "/v1/chat/completions").Should().Be(1);
        (await CarrierOfAsync(Broker, child.AccessToken)).RowId.Should().NotBe((await CarrierOfAsync(Broker, app.Tokens.AccessToken)).RowId);
    }

    [Fact]
    public async Task Gives_no_refresh_token_a_half_where_none_is_asked_for()
    {
        using var carried = await CarriedAsync(Broker, "openai:chat");

        carried.Tokens.RefreshToken.Should().BeEmpty();
        (await RowsAsync(Broker, carried.GrantId)).Should().ContainSingle();
        using var answer = await carried.Api.ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Asks_for_the_key_again_at_the_next_consent_and_never_skips_the_question()
    {
        using var carried = await CarriedAsync(Broker);

        using var asked = await carried.Person.GetAsync(carried.App.AuthorizeUrl());

        asked.StatusCode.Should().Be(HttpStatusCode.OK, "the page is shown, since nobody but the tokens has the key");
        var page = await Person.ParseAsync(asked);
        page.QuerySelector("#NewKey").Should().NotBeNull();
        using var without = await carried.Person.SubmitAsync(page, carried.App.AuthorizeUrl(), new() { ["Form.Decision"] = "approve" });
        without.StatusCode.Should().Be(HttpStatusCode.OK);
        (await without.Content.ReadAsStringAsync()).Should().Contain("Paste the key");
    }

    [Fact]
    public async Task Leaves_tokens_without_it_nothing_to_call_with()
    {
        using var stored = await Connected.AsAsync(Broker);
        var app = new OAuthApp(Broker) { More = new() { ["prompt"] = "consent" } };
        await app.ConnectAsync(stored.Person, answer: Answer(BrokerHost.NewKey()));

        using var answer = await stored.Api.ChatAsync();

        (await Api.ErrorAsync(answer)).Code.Should().Be("upstream_key_rejected");
    }

    [Fact]
    public async Task Goes_back_to_a_stored_key_when_the_person_chooses_one()
    {
        using var carried = await CarriedAsync(Broker);
        var stored = BrokerHost.NewKey();
        (await carried.Person.AddKeyAsync(stored)).Should().BeNull();
        var keyId = await Broker.WithDatabaseAsync(db => db.UpstreamKeys.OrderByDescending(k => k.CreatedAt).Where(k => k.LastFour == stored.Substring(stored.Length - 4)).Select(k => k.Id).FirstAsync());
        var tokens = await new OAuthApp(Broker).ConnectAsync(carried.Person, answer: new() { ["Form.KeyId"] = keyId.ToString() });

        using var answer = await new Api(Broker, tokens.AccessToken).ChatAsync();
        using var older = await carried.Api.ChatAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        older.StatusCode.Should().Be(HttpStatusCode.OK, "the grant says which key pays");
        Broker.Journal.Snapshot().Count(e => e.Key == stored && e.Path == "/v1/chat/completions").Should().Be(2);
    }

    [Fact]
    public async Task Keeps_it_while_the_person_changes_the_limits()
    {
        using var carried = await CarriedAsync(Broker);

        using var changed = await carried.Person.PostAsync($"/apps/{carried.GrantId}", new() { ["Form.Budget"] = "2" }, "form.form");

        changed.StatusCode.Should().Be(HttpStatusCode.SeeOther, await changed.Content.ReadAsStringAsync());
        (await GrantAsync(carried)).Should().Match<TokenBroker.Grants.Grant>(g => g.CarriesKey && g.BudgetMicros == 2_000_000 && g.CarriedLastFour != null);
        using var answer = await carried.Api.ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Takes_no_key_that_the_provider_refuses()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var app = new OAuthApp(Broker);
        var page = await person.PageAsync(app.AuthorizeUrl());

        using var answer = await person.SubmitAsync(page, app.AuthorizeUrl(), Answer("sk-test-revoked-" + Guid.NewGuid().ToString("N")));

        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        (await answer.Content.ReadAsStringAsync()).Should().Contain("does not know this key");
    }

    private static async Task<Carried> CarriedAsync(BrokerHost broker, string scope = OAuthApp.DefaultScope) => await Carried.ConnectAsync(broker, scope);

    private static Dictionary<string, string> Answer(string key) => Carried.Answer(key);

    private static Task<Carrier> CarrierOfAsync(BrokerHost broker, string accessToken) => Carried.CarrierOfAsync(broker, accessToken);

    private static Task<TokenBroker.Grants.Grant> GrantAsync(Carried carried) =>
        carried.Host.WithDatabaseAsync(db => db.Grants.AsNoTracking().SingleAsync(g => g.Id == carried.GrantId));

    private static Task<List<Guid>> RowsAsync(BrokerHost broker, Guid? grantId = null) =>
        broker.WithDatabaseAsync(db => db.CarriedKeys.Where(k => grantId == null || k.GrantId == grantId).Select(k => k.Id).ToListAsync());
}
