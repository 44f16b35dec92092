using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

public sealed class Answering_consent(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Trait("Checklist", "10")]
    [Fact]
    public async Task Sends_the_person_back_with_a_303()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());

        using var answer = await page.AnswerAsync();

        // RFC 9700, section 4.12: a 307 would post the form, and with it any password or key in it, on to the app.
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        answer.Headers.Location!.GetLeftPart(UriPartial.Path).Should().Be(BrokerHost.RedirectUri);
        answer.Headers.Location.Fragment.Should().BeEmpty();
        ConsentPage.ParametersOf(answer).Keys.Should().BeEquivalentTo("code", "state", "iss");
        ConsentPage.ParametersOf(answer)["state"].Should().Be(app.State);
    }

    [Fact]
    public async Task Tells_the_app_of_a_refusal_and_grants_nothing()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());

        using var answer = await page.AnswerAsync("deny");

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        answer.Headers.Location!.GetLeftPart(UriPartial.Path).Should().Be(BrokerHost.RedirectUri);
        ConsentPage.ParametersOf(answer).Should().Contain("error", "access_denied").And.Contain("state", app.State)
            .And.ContainKey("iss").And.NotContainKey("code");
        (await GrantsOfAsync(person)).Should().Be(0);
        var actions = await Broker.WithDatabaseAsync(db => db.AuditEvents
            .Where(e => e.UserId == db.Users.Single(u => u.Email == person.Email).Id).Select(e => e.Action).ToListAsync());
        actions.Should().ContainSingle(a => a == "consent.denied").And.NotContain("grant.approved");
    }

    [Fact]
    public async Task Takes_a_key_on_the_way_from_who_has_none()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var app = new OAuthApp(Broker);
        var key = BrokerHost.NewKey();
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());
        page.Values("Form.KeyId").Should().Equal("new");

        var tokens = await page.Set("Form.NewKey", key).ApproveAsync(app);

        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        Broker.Journal.Snapshot().Should().Contain(e => e.Key == key && e.Path == "/v1/chat/completions");
        person.Received.Should().NotContain(text => text.Contains(key, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Takes_a_restricted_key()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var app = new OAuthApp(Broker);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());

        var tokens = await page.Set("Form.NewKey", BrokerHost.NewKey() + "-restricted-1").ApproveAsync(app);

        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("sk-test-0123456789-revoked-0123456789")]
    [InlineData("sk-short")]
    [InlineData("pk-0123456789012345678901234567890")]
    [InlineData("sk-with a space 0123456789012345")]
    [InlineData("")]
    public async Task Complains_of_a_key_that_is_none_and_grants_nothing(string key)
    {
        using var person = await Person.SignedUpAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        using var answer = await page.Set("Form.NewKey", key).AnswerAsync();

        var again = await page.AgainAsync(answer);
        again.Complaint("Form.NewKey").Should().NotBeNullOrWhiteSpace();
        again.Values("Form.NewKey").Should().Equal([""], "a key is never sent back");
        (await GrantsOfAsync(person)).Should().Be(0);
        (await KeysOfAsync(person)).Should().Be(0);
    }

    [Fact]
    public async Task Stores_no_key_while_the_rest_of_the_form_is_wrong()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());

        using var answer = await page.Set("Form.NewKey", BrokerHost.NewKey()).Set("Form.Budget", "-1").AnswerAsync();

        (await page.AgainAsync(answer)).Complaint("Form.Budget").Should().NotBeNullOrWhiteSpace();
        (await KeysOfAsync(person)).Should().Be(0);
    }

    [Fact]
    public async Task Asks_for_a_sign_in_where_the_session_ended_meanwhile()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl());
        var session = person.Cookies.GetAllCookies().Single(c => c.Name.EndsWith("tokenbroker.session", StringComparison.Ordinal));
        session.Expired = true;

        using var answer = await page.AnswerAsync();

        (answer.Headers.Location?.ToString().StartsWith("/sign-in", StringComparison.Ordinal) == true || answer.StatusCode == HttpStatusCode.BadRequest)
            .Should().BeTrue("a visitor cannot approve");
        (await GrantsOfAsync(person)).Should().Be(0);
    }

    private Task<int> GrantsOfAsync(Person person) => Broker.WithDatabaseAsync(
        db => db.Grants.CountAsync(g => g.UserId == db.Users.Single(u => u.Email == person.Email).Id));

    private Task<int> KeysOfAsync(Person person) => Broker.WithDatabaseAsync(
        db => db.UpstreamKeys.CountAsync(k => k.UserId == db.Users.Single(u => u.Email == person.Email).Id));
}
