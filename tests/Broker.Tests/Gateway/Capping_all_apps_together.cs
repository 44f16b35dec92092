using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "28")]
public sealed class Capping_all_apps_together(SharedBroker shared)
{
    [Fact]
    public async Task Refuses_what_would_pass_the_users_cap_whatever_the_grant_allows()
    {
        using var connected = await Connected.AsAsync(shared.Host);
        await CapAsync(connected.Person, "0.00");

        using var refused = await connected.Api.ChatAsync();
        await CapAsync(connected.Person, "");
        using var again = await connected.Api.ChatAsync();

        refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        (await Api.ErrorAsync(refused)).Code.Should().Be("budget_exhausted");
        again.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received.Count.Should().Be(1, "what our own limits refuse is not sent");
    }

    [Fact]
    public async Task Ends_open_streams_that_a_lowered_cap_has_no_money_for()
    {
        using var connected = await Connected.AsAsync(shared.Host);
        await CapAsync(connected.Person, "4.00");
        using var stream = await connected.Api.OpenStreamAsync("[[events:50000]] [[delay:20]]");

        await CapAsync(connected.Person, "0.00");

        var (text, isBroken) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(TimeSpan.FromSeconds(30));
        isBroken.Should().BeTrue("a cut answer must not look whole");
        text.TrimEnd().Should().Match("*event: error\ndata: *\"budget_exhausted\"*");
        using var next = await connected.Api.GetAsync("/models");
        next.StatusCode.Should().Be(HttpStatusCode.OK, "the access goes on, for what costs nothing");
    }

    [Fact]
    public async Task Is_refused_where_it_is_no_amount()
    {
        using var person = await Person.SignedUpAsync(shared.Host);

        using var response = await person.PostAsync("/limits", new() { ["Caps.Month"] = "a lot" });

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await Person.ParseAsync(response)).QuerySelector(".error")!.TextContent.Should().Contain("dollars and cents");
    }

    private static async Task CapAsync(Person person, string dollars)
    {
        using var response = await person.PostAsync("/limits", new() { ["Caps.Month"] = dollars });
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }
}
