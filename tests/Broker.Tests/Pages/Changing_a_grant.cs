using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Grants;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

/// <summary>The person changes what they allowed, without the app: it holds for the next call.</summary>
public sealed class Changing_a_grant(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Begins_with_what_is_allowed()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:chat openai:models offline_access", budget: "7.50", models: "gpt-4o-mini made-up");
        var link = (await connected.Person.PageAsync("/")).QuerySelector($"#grant-{connected.GrantId} a[href^='/apps/']")!.GetAttribute("href")!;

        var page = await connected.Person.PageAsync(link);

        var fields = Person.FieldsOf((AngleSharp.Html.Dom.IHtmlFormElement)page.QuerySelector("main form")!).ToLookup(f => f.Key, f => f.Value);
        fields["Form.Scopes"].Should().BeEquivalentTo("openai:chat", "openai:models");
        fields["Form.Budget"].Should().Equal("7.5");
        fields["Form.Models"].Should().Equal("gpt-4o-mini");
        fields["Form.OtherModels"].Should().Equal("made-up");
        fields["Form.LifetimeDays"].Should().Equal("keep");
        page.Body!.TextContent.Should().Contain("Test App").And.NotContain("proposes");
    }

    [Fact]
    public async Task Holds_for_the_next_call()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:chat openai:models openai:embeddings offline_access");
        (await connected.Api.ChatAsync(model: "gpt-4o")).StatusCode.Should().Be(HttpStatusCode.OK);

        await ChangeAsync(connected, new()
        {
            ["Form.Scopes"] = "openai:chat",
            ["Form.ModelChoice"] = "some",
            ["Form.OtherModels"] = "gpt-4o-mini",
            ["Form.Budget"] = "1",
            ["Form.Period"] = "Day",

            // What was called in the same minute before the change counts.
            ["Form.Rate"] = "3",
            ["Form.LifetimeDays"] = "1",
        });

        (await Api.ErrorAsync(await connected.Api.ChatAsync(model: "gpt-4o"))).Code.Should().Be("model_not_allowed");
        (await Api.ErrorAsync(await connected.Api.GetAsync("/models"))).Code.Should().Be("insufficient_scope");
        (await connected.Api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        var grant = await GrantAsync(connected);
        (grant.BudgetMicros, grant.BudgetPeriod, grant.RequestsPerMinute).Should().Be((1_000_000L, BudgetPeriod.Day, 3));
        grant.ExpiresAt.Should().BeCloseTo(DateTime.UtcNow.AddDays(1), TimeSpan.FromMinutes(2));
        grant.ScopeList().Should().BeEquivalentTo(["openai:chat", "offline_access"]);
        var refusals = new List<string>();
        for (var i = 0; i < 4; i++)
        {
            using var call = await connected.Api.ChatAsync();
            refusals.Add(call.IsSuccessStatusCode ? "" : (await Api.ErrorAsync(call)).Code);
        }

        refusals.Should().Contain("rate_limited");
        var audited = await Broker.WithDatabaseAsync(db => db.AuditEvents.SingleAsync(e => e.Action == "grant.changed" && e.Target == $"grant:{connected.GrantId}"));
        audited.Detail.Should().Contain("\"requests_per_minute\":3");
    }

    [Fact]
    public async Task Holds_for_a_call_whose_body_is_still_on_its_way()
    {
        using var connected = await Connected.AsAsync(Broker);
        const string body = """{"model":"gpt-4o","messages":[{"role":"user","content":"Hello"}]}""";
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        using var client = new TcpClient();
        await client.ConnectAsync(new Uri(Broker.Address).Host, new Uri(Broker.Address).Port, limit.Token);
        var stream = client.GetStream();
        await stream.WriteAsync(Encoding.ASCII.GetBytes(RawHttp.Request("POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, body, "Expect: 100-continue\r\n")[..^body.Length]), limit.Token);
        var proceed = new byte["HTTP/1.1 100 Continue\r\n\r\n".Length];
        await stream.ReadExactlyAsync(proceed, limit.Token);

        await ChangeAsync(connected, new() { ["Form.ModelChoice"] = "some", ["Form.OtherModels"] = "gpt-4o-mini" });
        await stream.WriteAsync(Encoding.ASCII.GetBytes(body), limit.Token);

        var answer = await new StreamReader(stream).ReadToEndAsync(limit.Token);
        answer.Should().StartWith("HTTP/1.1 403 ").And.Contain("model_not_allowed");
        connected.Received.Should().BeEmpty();
        Books.OfGrant(Broker, connected.GrantId).IsIdle.Should().BeTrue("what was reserved for it is given back");
    }

    [Fact]
    public async Task Widens_too_and_switches_the_key()
    {
        using var connected = await Connected.AsAsync(Broker, budget: "1", models: "gpt-4o-mini");
        var other = BrokerHost.NewKey();

        await ChangeAsync(connected, new() { ["Form.KeyId"] = "new", ["Form.NewKey"] = other, ["Form.Budget"] = "20", ["Form.ModelChoice"] = "any" });

        (await connected.Api.ChatAsync(model: "gpt-4o")).StatusCode.Should().Be(HttpStatusCode.OK);
        Broker.Journal.Snapshot().Should().Contain(e => e.Key == other && e.Path == "/v1/chat/completions");
        (await GrantAsync(connected)).BudgetMicros.Should().Be(20_000_000);
    }

    [Fact]
    public async Task Adds_no_scope_that_was_not_granted()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:chat offline_access");

        await ChangeAsync(connected, new() { ["Form.Scopes"] = "openai:audio" }, expected: HttpStatusCode.OK);

        (await GrantAsync(connected)).ScopeList().Should().BeEquivalentTo("openai:chat", "offline_access");
    }

    [Fact]
    public async Task Leaves_a_pause_as_it_is()
    {
        using var connected = await Connected.AsAsync(Broker);
        await connected.Person.PressAsync("Test App", "Pause");

        await ChangeAsync(connected, new() { ["Form.Budget"] = "3" });

        (await GrantAsync(connected)).PausedAt.Should().NotBeNull();
        (await Api.ErrorAsync(await connected.Api.ChatAsync())).Code.Should().Be("grant_paused");
    }

    [Theory]
    [InlineData("Form.Budget", "0")]
    [InlineData("Form.Period", "Year")]
    [InlineData("Form.Rate", "-1")]
    [InlineData("Form.LifetimeDays", "5000")]
    [InlineData("Form.ModelChoice", "none")]
    [InlineData("Form.KeyId", "00000000-0000-0000-0000-000000000001")]
    public async Task Refuses_what_makes_no_sense(string field, string value)
    {
        using var connected = await Connected.AsAsync(Broker);
        var before = await GrantAsync(connected);

        var page = await ChangeAsync(connected, new() { [field] = value }, expected: HttpStatusCode.OK);

        page!.QuerySelectorAll(".error").Should().NotBeEmpty("the form must say what is wrong");
        (await GrantAsync(connected)).Revision.Should().Be(before.Revision);
    }

    [Fact]
    public async Task Does_not_write_over_a_change_that_came_between()
    {
        using var connected = await Connected.AsAsync(Broker);
        var url = $"/apps/{connected.GrantId}";
        var open = await connected.Person.PageAsync(url);
        await ChangeAsync(connected, new() { ["Form.Budget"] = "1" });

        using var late = await connected.Person.SubmitAsync(open, url, new() { ["Form.Budget"] = "100" });

        late.StatusCode.Should().Be(HttpStatusCode.OK);
        (await Person.ParseAsync(late)).Body!.TextContent.Should().Contain("has changed");
        (await GrantAsync(connected)).BudgetMicros.Should().Be(1_000_000);
    }

    [Fact]
    public async Task Is_for_its_own_person_and_for_what_is_live()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var mallory = await Person.WithKeyAsync(Broker);
        var url = $"/apps/{connected.GrantId}";
        var before = await GrantAsync(connected);

        using var seen = await mallory.GetAsync(url);
        using var posted = await mallory.PostFromAsync("/account", url, new() { ["Form.Seen"] = $"{before.Id:N}.{before.Revision}", ["Form.Budget"] = "1" });
        await connected.Person.PressAsync("Test App", "Revoke");
        using var ended = await connected.Person.GetAsync(url);

        seen.StatusCode.Should().Be(HttpStatusCode.NotFound);
        posted.StatusCode.Should().Be(HttpStatusCode.NotFound);
        ended.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await GrantAsync(connected)).BudgetMicros.Should().Be(before.BudgetMicros);
    }

    private static async Task<AngleSharp.Html.Dom.IHtmlDocument?> ChangeAsync(
        Connected connected, Dictionary<string, string> fields, HttpStatusCode expected = HttpStatusCode.SeeOther)
    {
        using var response = await connected.Person.PostAsync($"/apps/{connected.GrantId}", fields);
        response.StatusCode.Should().Be(expected, await response.Content.ReadAsStringAsync());
        return expected == HttpStatusCode.OK ? await Person.ParseAsync(response) : null;
    }

    private Task<Grant> GrantAsync(Connected connected) =>
        Broker.WithDatabaseAsync(db => db.Grants.AsNoTracking().SingleAsync(g => g.Id == connected.GrantId));
}
