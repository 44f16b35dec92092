using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using TokenBroker.Tests.Gateway;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Safety;

public sealed class Suspending_an_app(SharedBroker shared)
{
    [Fact]
    public async Task Refuses_its_calls_tokens_and_requests_as_the_RFCs_say_until_it_is_lifted()
    {
        using var operators = await Developer.SignedUpAsync(shared.Host, isOperator: true);
        using var owner = await Developer.SignedUpAsync(shared.Host);
        var app = await owner.NewAppAsync();
        using var person = await Person.WithKeyAsync(shared.Host);
        var tokens = await app.ConnectAsync(person, Developer.AppScope);
        var api = new Api(shared.Host, tokens.AccessToken);
        using var stream = await api.OpenStreamAsync("[[events:50000]] [[delay:20]]");

        var id = await operators.SanctionAsync(app: app.ClientId);

        var (text, _) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(TimeSpan.FromSeconds(20));
        text.Should().Contain("access_suspended");
        (await SafetySteps.CodeOfAsync(api.ChatAsync())).Should().Be("app_suspended");
        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        (refresh.StatusCode, await OAuthApp.ErrorAsync(refresh)).Should().Be((HttpStatusCode.BadRequest, "unauthorized_client"));
        using var authorize = await person.GetAsync(app.AuthorizeUrl(Developer.AppScope));
        QueryHelpers.ParseQuery(authorize.Headers.Location!.Query)["error"].ToString().Should().Be("unauthorized_client");
        (await owner.Person.PageAsync("/safety")).QuerySelector("main")!.TextContent.Should().Contain("Your app My App is banned");

        await operators.LiftAsync(id);

        (await SafetySteps.CodeOfAsync(api.ChatAsync())).Should().BeEmpty();
        (await OAuthApp.ReadAsync(await app.RefreshAsync(tokens.RefreshToken))).AccessToken.Should().NotBeEmpty();
    }

    [Fact]
    public async Task By_the_command_line_reaches_a_broker_that_runs_and_so_does_the_appeal()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:RecheckInterval"] = "00:00:00.2" });
        using var connected = await Connected.AsAsync(broker);
        using var stream = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:20]]");
        var data = broker.DataArguments();

        using var wrong = await BrokerProcess.RunAsync("Development", ["safety", "ban", "--user", "nobody@example.com", "--reason", "No.", .. data]);
        (wrong.ExitCode, wrong.Error).Should().Be((1, wrong.Error));
        wrong.Error.Should().Contain("No account has the address").And.NotContain("   at ");
        using var ban = await BrokerProcess.RunAsync("Development", ["safety", "ban", "--user", connected.Person.Email, "--reason", "A test.", "--json", .. data]);
        ban.ExitCode.Should().Be(0, ban.Error);

        var (text, _) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(TimeSpan.FromSeconds(30));
        text.Should().Contain("access_suspended", "another process's ban is found by the re-check");
        using var bans = await BrokerProcess.RunAsync("Development", ["safety", "bans", "--json", .. data]);
        JsonSerializer.Deserialize<JsonElement>(bans.Output).GetProperty("sanctions")[0].Text("user").Should().Be(connected.Person.Email);

        using var sent = await connected.Person.PostAsync("/safety", new() { ["text"] = "I did nothing." }, "form[action*='handler=Appeal']");
        using var appeals = await BrokerProcess.RunAsync("Development", ["safety", "appeals", "--json", .. data]);
        var appeal = JsonSerializer.Deserialize<JsonElement>(appeals.Output).GetProperty("appeals")[0];
        appeal.Text("text").Should().Be("I did nothing.");
        using var decided = await BrokerProcess.RunAsync("Development", ["safety", "decide", appeal.Text("id"), "--accept", .. data]);
        decided.ExitCode.Should().Be(0, decided.Error);

        var code = await Eventually.IsAsync(() => SafetySteps.CodeOfAsync(connected.Api.ChatAsync()), found => found.Length == 0);
        code.Should().BeEmpty();
    }
}
