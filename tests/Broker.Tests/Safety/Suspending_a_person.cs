using System.Net;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Gateway;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

public sealed class Suspending_a_person(SharedBroker shared)
{
    private const string Endless = "[[events:50000]] [[delay:20]]";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Ends_the_open_streams_of_all_their_grants_at_once()
    {
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);
        using var connected = await Connected.AsAsync(shared.Host);
        using var other = await Connected.AsAsync(shared.Host);
        var elsewhere = new Api(shared.Host, (await new OAuthApp(shared.Host, BrokerHost.OtherAppId).ConnectAsync(connected.Person)).AccessToken);
        using var one = await connected.Api.OpenStreamAsync(Endless);
        using var two = await elsewhere.OpenStreamAsync(Endless);
        using var kept = await other.Api.OpenStreamAsync("[[events:100]] [[delay:10]]");

        await operators.SanctionAsync(user: connected.Person.Email);

        foreach (var response in (HttpResponseMessage[])[one, two])
        {
            var (text, isBroken) = await Provider_faults.ReadToBreakAsync(response).WaitAsync(Patience);
            isBroken.Should().BeTrue();
            text.TrimEnd().Should().Match("*event: error\ndata: *\"access_suspended\"*");
        }

        await shared.Host.Journal.WaitForAllAsync(all => all.Count(e => e.Key == connected.Key && e.Cancelled) == 2, new CancellationTokenSource(Patience).Token);
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().Be("user_suspended");
        (await SafetySteps.CodeOfAsync(elsewhere.ChatAsync())).Should().Be("user_suspended");
        (await kept.Content.ReadAsStringAsync()).Should().EndWith("data: [DONE]\n\n", "others are left alone");
    }

    [Fact]
    public async Task Gives_no_token_and_makes_nothing_new_until_it_is_lifted_and_then_all_works_again()
    {
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);
        using var connected = await Connected.AsAsync(shared.Host);
        var app = new OAuthApp(shared.Host);
        var code = await new OAuthApp(shared.Host) { Verifier = app.Verifier }.CodeAsync(connected.Person);
        var id = await operators.SanctionAsync(user: connected.Person.Email, days: 3);

        using var refresh = await app.RefreshAsync(connected.Tokens.RefreshToken);
        (refresh.StatusCode, await OAuthApp.ErrorAsync(refresh)).Should().Be((HttpStatusCode.BadRequest, "access_denied"));
        using var exchange = await app.ExchangeAsync(code);
        (await OAuthApp.ErrorAsync(exchange)).Should().Be("access_denied");
        using var consent = await connected.Person.GetAsync(new OAuthApp(shared.Host, BrokerHost.OtherAppId).AuthorizeUrl());
        QueryHelpers.ParseQuery(consent.Headers.Location!.Query)["error"].ToString().Should().Be("access_denied");
        using var key = await connected.Person.PostAsync("/keys", new() { ["NewKey"] = BrokerHost.NewKey() }, "form[action='/keys']:has(#NewKey)");
        key.Headers.Location!.ToString().Should().Be("/safety");

        (await connected.Person.PageAsync("/safety")).QuerySelector("main")!.TextContent.Should().Contain("Your account is suspended").And.Contain("Because of a test.");
        await operators.LiftAsync(id);

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().BeEmpty();
        (await OAuthApp.ReadAsync(await app.RefreshAsync(connected.Tokens.RefreshToken))).AccessToken.Should().NotBeEmpty("nothing was used up");
        (await connected.Person.NoticesAsync()).Should().Contain("is lifted. It was a mistake.");
        (await shared.Host.WithDatabaseAsync(db => db.UpstreamKeys.CountAsync(k => db.Users.Any(u => u.Id == k.UserId && u.Email == connected.Person.Email)))).Should().Be(1);
    }

    [Fact]
    public async Task Lets_them_sign_in_and_end_what_is_theirs()
    {
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);
        using var connected = await Connected.AsAsync(shared.Host);
        await operators.SanctionAsync(user: connected.Person.Email);

        await connected.Person.PressAsync("Test App", "Revoke");

        (await connected.Person.PageAsync("/")).Body!.TextContent.Should().Contain("Ended");
        using var again = new Person(shared.Host);
        using var signedIn = await again.PostAsync("/sign-in", new() { ["Email"] = connected.Person.Email, ["Password"] = Person.Password });
        signedIn.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    [Fact]
    public async Task Is_for_operators_alone_and_says_what_is_wrong()
    {
        using var somebody = await Developer.SignedUpAsync(shared.Host);
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);

        using var refused = await somebody.SendAsync(HttpMethod.Post, "/safety/sanctions", new { user = somebody.Person.Email, reason = "No." });
        refused.StatusCode.Should().Be(HttpStatusCode.NotFound, "to others it is not there");
        foreach (var wrong in (object[])[new { user = "nobody@example.com", reason = "No." }, new { reason = "No." }, new { user = "a", app = "b", reason = "No." }, new { user = somebody.Person.Email }])
        {
            using var response = await operators.SendAsync(HttpMethod.Post, "/safety/sanctions", wrong);
            response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        }

        await operators.SanctionAsync(user: somebody.Person.Email, days: 5);
        using var shorter = await operators.SendAsync(HttpMethod.Post, "/safety/sanctions", new { user = somebody.Person.Email, days = 1, reason = "No." });
        shorter.StatusCode.Should().Be(HttpStatusCode.Conflict);
    }
}
