using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Review;

/// <summary>An app that nobody has reviewed serves ten people, whatever its owner or its users try.</summary>
public sealed class Limiting_testers(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Gives_exactly_ten_places_to_twenty_people_at_once()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        var people = new List<(Person Person, ConsentPage Page)>();
        for (var i = 0; i < 20; i++)
        {
            var person = await Person.WithKeyAsync(Broker);
            people.Add((person, await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Developer.AppScope))));
        }

        var answers = await Task.WhenAll(people.Select(p => p.Page.AnswerAsync()));

        answers.Count(a => a.StatusCode == HttpStatusCode.SeeOther && ConsentPage.ParametersOf(a).ContainsKey("code")).Should().Be(10);
        answers.Count(a => a.StatusCode == HttpStatusCode.OK).Should().Be(10, "the others are told, with the page in front of them");
        (await TestersAsync(developer, app)).Should().Be(10);
        foreach (var (refused, _) in people.Where((_, i) => answers[i].StatusCode == HttpStatusCode.OK))
        {
            (await TokenBroker.Tests.Accounts.Browsing.AuditAsync(refused)).Should().Contain("grant.refused").And.NotContain("grant.approved");
        }

        people.ForEach(p => p.Person.Dispose());
    }

    [Fact]
    public async Task Tells_the_eleventh_before_the_form_and_the_app_why()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        await Developer.FillAsync(Broker, app, 10);
        using var person = await Person.WithKeyAsync(Broker);

        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Developer.AppScope));

        page.Text.Should().Contain("This app has not been reviewed yet and has all its 10 testers. Its developer can ask for a review.");
        page.Document.QuerySelector("button[value='approve'], #NewKey, input[name='Form.Scopes']").Should().BeNull("there is nothing to fill in");
        using var back = await page.AnswerAsync("deny");
        ConsentPage.ParametersOf(back).Should().Contain("error", "access_denied").And.ContainKey("error_description")
            .WhoseValue.Should().Contain("has all its 10 testers");
    }

    [Fact]
    public async Task Holds_against_a_form_that_is_posted_all_the_same()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Developer.AppScope));
        await Developer.FillAsync(Broker, app, 10);

        using var answer = await page.AnswerAsync();

        (await page.AgainAsync(answer)).Text.Should().Contain("has all its 10 testers");
        (await TestersAsync(developer, app)).Should().Be(10);
    }

    [Fact]
    public async Task Refuses_a_silent_request_with_the_reason()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        await Developer.FillAsync(Broker, app, 10);
        using var person = await Person.WithKeyAsync(Broker);

        using var answer = await person.GetAsync(app.AuthorizeUrl(Developer.AppScope, new() { ["prompt"] = "none" }));

        ConsentPage.ParametersOf(answer).Should().Contain("error", "access_denied");
    }

    [Fact]
    public async Task Lets_people_who_were_here_come_back_and_does_not_free_their_place()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(person, Developer.AppScope);
        await Developer.FillAsync(Broker, app, 9);
        await person.PressAsync("My App", "Revoke");
        using var another = await Person.WithKeyAsync(Broker);

        (await ConsentPage.OpenAsync(another, app.AuthorizeUrl(Developer.AppScope))).Text.Should().Contain("has all its 10 testers", "a place is not freed by ending access");
        (await app.ConnectAsync(person, Developer.AppScope)).AccessToken.Should().NotBeEmpty("who counts already may come back");
        (await TestersAsync(developer, app)).Should().Be(10);
    }

    [Fact]
    public async Task Says_at_consent_that_nobody_has_looked_at_the_app()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        const string Warning = "Not reviewed: the people who run this broker have not looked at this app. At most 10 people can use it.";

        (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Developer.AppScope))).Text.Should().Contain(Warning);
        await developer.ApprovedByAsync(reviewer, app);
        (await ConsentPage.OpenAsync(person, app.AuthorizeUrl(Developer.AppScope))).Text.Should().NotContain("Not reviewed");
        (await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl())).Text.Should().NotContain("Not reviewed", "the configuration vouches for it");
    }

    [Fact]
    public async Task Ends_with_the_approval_and_begins_again_without_it()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        await Developer.FillAsync(Broker, app, 10);
        await developer.ApprovedByAsync(reviewer, app);
        using var eleventh = await Person.WithKeyAsync(Broker);
        var tokens = await app.ConnectAsync(eleventh, Developer.AppScope);

        await developer.AskAsync(HttpMethod.Put, $"/apps/{app.ClientId}", Developer.AppBody("Renamed App"));

        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        refresh.StatusCode.Should().Be(HttpStatusCode.OK, "people who use the app go on");
        (await new Api(Broker, (await OAuthApp.ReadAsync(refresh)).AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        using var twelfth = await Person.WithKeyAsync(Broker);
        (await ConsentPage.OpenAsync(twelfth, app.AuthorizeUrl(Developer.AppScope))).Text.Should().Contain("has all its 10 testers");
        (await ConsentPage.OpenAsync(eleventh, app.AuthorizeUrl(Developer.AppScope, new() { ["prompt"] = "consent" }))).Text.Should().Contain("Not reviewed").And.NotContain("all its 10 testers");
    }

    [Fact]
    public async Task Counts_people_and_not_grants()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(person, Developer.AppScope);
        await Broker.WithDatabaseAsync(async db =>
        {
            var grant = await db.Grants.AsNoTracking().SingleAsync(g => g.Application!.ClientId == app.ClientId);
            grant.ParentId = grant.Id;
            (grant.Id, grant.ConcurrencyToken) = (Guid.CreateVersion7(), Guid.NewGuid().ToString());
            db.Grants.Add(grant);
            return await db.SaveChangesAsync();
        });

        (await TestersAsync(developer, app)).Should().Be(1);
    }

    private static async Task<int> TestersAsync(Developer developer, OAuthApp app) =>
        (await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}")).GetProperty("testers").GetProperty("count").GetInt32();
}
