using System.Net;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

/// <summary>Operator, app and person: any one that says yes turns it on.</summary>
public sealed class Deciding_what_is_moderated(SharedBroker shared)
{
    private const string Flagged = "[[flag]]";

    [Fact]
    public async Task Moderates_nothing_unless_somebody_wants_it_and_all_of_a_person_who_does()
    {
        using var connected = await Connected.AsAsync(shared.Host);
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync(Flagged))).Should().BeEmpty();
        connected.Received.Select(e => e.Path).Should().Equal("/v1/chat/completions");

        await connected.Person.WantModerationAsync();

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync(Flagged))).Should().Be("content_flagged");
        await connected.Person.WantModerationAsync();
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync(Flagged))).Should().BeEmpty("it is switched off again");
    }

    [Fact]
    public async Task Moderates_an_app_whose_owner_wants_it_and_no_other()
    {
        using var owner = await Developer.SignedUpAsync(shared.Host);
        var app = await owner.NewAppAsync();
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(shared.Host, key);
        var api = new Api(shared.Host, (await app.ConnectAsync(person, Developer.AppScope)).AccessToken);
        var other = new Api(shared.Host, (await new OAuthApp(shared.Host).ConnectAsync(person)).AccessToken);
        (await SafetySteps.CodeOfAsync(api.ChatAsync(Flagged))).Should().BeEmpty();

        using var wanted = await owner.Person.PostAsync($"/developer/{app.ClientId}", [], "form[action*='handler=Moderate']");

        wanted.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await SafetySteps.CodeOfAsync(api.ChatAsync(Flagged))).Should().Be("content_flagged");
        (await SafetySteps.CodeOfAsync(other.ChatAsync(Flagged))).Should().BeEmpty();
    }

    [Fact]
    public async Task Follows_the_operator_for_an_app_with_a_key_thresholds_and_fail_open()
    {
        var (file, key) = (Path.GetTempFileName(), BrokerHost.NewKey());
        await File.WriteAllTextAsync(file, key + "\n");
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Safety:Moderation:Apps:0"] = BrokerHost.AppId,
            ["Safety:Moderation:KeyFile"] = file,
            ["Safety:Moderation:Thresholds:violence"] = "0.99",
            ["Safety:Moderation:FailOpen"] = "true",
        });
        using var connected = await Connected.AsAsync(broker);

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync("[[flag:hate]]"))).Should().Be("content_flagged");
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync("[[flag:violence]]"))).Should().BeEmpty("the score stays below the threshold");
        broker.Journal.Snapshot().Where(e => e.Path == "/v1/moderations").Should().HaveCount(2).And.OnlyContain(e => e.Key == key);

        broker.Faults.Next(FaultKind.ServerError, path: "/v1/moderations");
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync("Anything"))).Should().BeEmpty("nobody could be asked, and the operator lets it pass");
        var noted = await Eventually.IsAsync(() => broker.AuditAsync("call.unmoderated"), events => events.Count > 0);
        noted.Should().ContainSingle().Which.Detail.Should().Contain("moderation_unavailable").And.Contain("\"count\":1").And.NotContain("Anything");
        File.Delete(file);
    }
}
