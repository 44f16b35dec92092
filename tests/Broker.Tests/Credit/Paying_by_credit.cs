using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Gateway;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Safety;

namespace TokenBroker.Tests.Credit;

public sealed class Paying_by_credit(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private const string Endless = "[[events:50000]] [[delay:20]]";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private BrokerHost Broker => broker.Host;

    [Fact]
    public async Task Draws_on_the_credit_and_calls_with_the_sponsors_key_alone()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");

        using var call = await guest.Api.ChatAsync();

        call.StatusCode.Should().Be(HttpStatusCode.OK, await call.Content.ReadAsStringAsync());
        var spent = await guest.SpentAsync(1);
        spent.Should().BePositive();
        (await guest.BalanceAsync()).Should().Be(5_000_000 - spent);
        sponsor.Received.Should().ContainSingle().Which.Path.Should().Be("/v1/chat/completions");
        guest.WithOwnKey.Should().BeEmpty("the user's own key has no part in it");
        var report = await Sponsored.VerifyAsync(Broker);
        report.Faults.Should().BeEmpty();
        report.Transactions.Should().BeGreaterThanOrEqualTo(2);
        (await Broker.WithDatabaseAsync(db => db.AuditEvents.AnyAsync(e => e.Action == "credit.topped_up" && e.UserId == guest.UserId))).Should().BeTrue();
    }

    [Fact]
    public async Task Gets_back_what_work_in_the_background_did_not_cost()
    {
        await using var polls = await BrokerHost.StartAsync(new() { ["Gateway:JobPoll"] = "00:00:00.1" });
        var sponsor = await Sponsored.ByAsync(polls);
        using var guest = await sponsor.GuestAsync("5.00", "openai:responses offline_access");

        using var begun = await guest.Api.PostRawAsync("/responses", """{"model":"gpt-4o","input":"Hello","store":true,"background":true,"max_output_tokens":10000}""");

        begun.StatusCode.Should().Be(HttpStatusCode.OK, await begun.Content.ReadAsStringAsync());
        var job = await Eventually.IsAsync(() => polls.WithDatabaseAsync(db => db.Usage.Where(u => u.GrantId == guest.GrantId).SingleOrDefaultAsync()), usage => usage is { Estimated: false });
        (await guest.BalanceAsync()).Should().Be(5_000_000 - job!.CostMicros).And.BeGreaterThan(4_900_000, "the worst, which was charged at first, is ten cents");
        (await Sponsored.VerifyAsync(polls)).Faults.Should().BeEmpty();
        guest.WithOwnKey.Should().BeEmpty("the provider was asked with the sponsor's key as well");
    }

    [Fact]
    public async Task Is_refused_without_credit_and_goes_on_at_once_after_a_top_up()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();

        using var refused = await guest.Api.ChatAsync();
        using var toppedUp = await sponsor.TopUpAsync(guest, "1.00");
        using var call = await guest.Api.ChatAsync();

        refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        var (code, error) = await Api.ErrorAsync(refused);
        code.Should().Be("credit_exhausted");
        error.GetProperty("portal_url").GetString().Should().EndWith("/credit");
        call.StatusCode.Should().Be(HttpStatusCode.OK, await call.Content.ReadAsStringAsync());
        sponsor.Received.Should().ContainSingle("what is refused is not sent");
        guest.WithOwnKey.Should().BeEmpty("nothing falls back to another key");
    }

    [Trait("Checklist", "28")]
    [Fact]
    public async Task Lets_parallel_callers_use_no_more_than_there_is()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("0.004");

        var calls = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => guest.Api.PostAsync("/chat/completions", new
        {
            model = "gpt-4o-mini",
            max_completion_tokens = 500,
            messages = new[] { new { role = "user", content = "[[events:200]]" } },
        })));

        calls.Should().Contain(c => c.StatusCode == HttpStatusCode.OK).And.Contain(c => c.StatusCode == HttpStatusCode.PaymentRequired);
        foreach (var refused in calls.Where(c => c.StatusCode != HttpStatusCode.OK))
        {
            (await Api.ErrorAsync(refused)).Code.Should().Be("credit_exhausted");
        }

        var spent = await guest.SpentAsync(calls.Count(c => c.StatusCode == HttpStatusCode.OK));
        spent.Should().BePositive().And.BeLessThanOrEqualTo(4_000);
        (await guest.BalanceAsync()).Should().Be(4_000 - spent);
        sponsor.Received.Count.Should().Be(calls.Count(c => c.StatusCode == HttpStatusCode.OK));
        (await Sponsored.VerifyAsync(Broker)).Faults.Should().BeEmpty();
    }

    [Fact]
    public async Task Ends_at_once_where_the_sponsor_withdraws_the_key_and_falls_back_to_none()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");
        using var stream = await guest.Api.OpenStreamAsync(Endless);

        await sponsor.WithdrawAsync();

        var (text, isBroken) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(Patience);
        isBroken.Should().BeTrue();
        text.TrimEnd().Should().Match("*event: error\ndata: *\"upstream_key_rejected\"*");
        (await SafetySteps.CodeOfAsync(guest.Api.ChatAsync())).Should().Be("upstream_key_rejected");
        guest.WithOwnKey.Should().BeEmpty();

        // Another key is put up: the same access goes on with it.
        var again = await Sponsored.ByAsync(Broker);
        using var call = await guest.Api.ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);
        again.Received.Should().ContainSingle();
    }

    [Fact]
    public async Task Follows_what_the_user_chooses_and_ends_what_was_opened_on_the_other_purse()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");
        using var stream = await guest.Api.OpenStreamAsync(Endless);
        var own = (await guest.Person.PageAsync($"/apps/{guest.GrantId}")).QuerySelectorAll("input[name='Form.KeyId']").Select(i => i.GetAttribute("value")!).First(v => Guid.TryParse(v, out _));

        await ChooseAsync(guest, own);
        var (text, _) = await Provider_faults.ReadToBreakAsync(stream).WaitAsync(Patience);
        using var onOwn = await guest.Api.ChatAsync();
        var before = sponsor.Received.Count;
        await ChooseAsync(guest, sponsor.Choice);
        using var onCredit = await guest.Api.ChatAsync();

        text.TrimEnd().Should().Match("*\"purse_changed\"*");
        onOwn.StatusCode.Should().Be(HttpStatusCode.OK);
        guest.WithOwnKey.Should().ContainSingle();
        onCredit.StatusCode.Should().Be(HttpStatusCode.OK);
        sponsor.Received.Count.Should().Be(before + 1);
        guest.WithOwnKey.Should().ContainSingle();
        (await guest.Person.PageAsync("/")).QuerySelector($"#grant-{guest.GrantId} .row-meta")!.TextContent.Should().Contain("credit with Test App");
    }

    [Fact]
    public async Task With_the_operator_pays_for_any_app_and_with_an_app_for_that_one_alone()
    {
        var app = await Sponsored.ByAsync(Broker);
        var everybody = await Sponsored.ByAsync(Broker, clientId: null);
        using var guest = await everybody.GuestAsync("1.00", clientId: BrokerHost.OtherAppId);

        using var call = await guest.Api.ChatAsync();
        var offered = (await guest.Person.PageAsync($"/apps/{guest.GrantId}")).QuerySelectorAll("input[name='Form.KeyId']").Select(i => i.GetAttribute("value"));
        using var tried = await guest.Person.PostAsync($"/apps/{guest.GrantId}", new() { ["Form.KeyId"] = app.Choice });

        call.StatusCode.Should().Be(HttpStatusCode.OK);
        everybody.Received.Should().ContainSingle();
        offered.Should().Contain(everybody.Choice).And.NotContain(app.Choice);
        tried.StatusCode.Should().Be(HttpStatusCode.OK, "the form is shown again");
        (await Broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == guest.GrantId).Select(g => g.SponsorId).SingleAsync())).Should().Be(everybody.SponsorId);
        await everybody.WithdrawAsync();
    }

    [Fact]
    public async Task Never_opens_the_whole_account()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var url = new OAuthApp(Broker).AuthorizeUrl("openai:chat openai:files openai:account offline_access");

        using var answer = await person.PostAsync(url, new() { ["Form.Decision"] = "approve", ["Form.KeyId"] = sponsor.Choice });

        answer.StatusCode.Should().Be(HttpStatusCode.OK, "the form is shown again");
        (await Person.ParseAsync(answer)).QuerySelector(".error")!.TextContent.Should().Contain("not opened as a whole");

        // Nor where a row says otherwise.
        using var guest = await sponsor.GuestAsync("1.00", "openai:chat openai:files offline_access");
        await Broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == guest.GrantId).ExecuteUpdateAsync(set => set.SetProperty(g => g.Scopes, "[\"openai:chat\",\"openai:files\",\"openai:account\",\"offline_access\"]")));
        using var strange = await guest.Api.GetAsync("/files/file-of-somebody-else");
        strange.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Trait("Checklist", "17")]
    [Fact]
    public async Task Keeps_users_apart_who_live_on_one_key()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var ada = await sponsor.GuestAsync("5.00");
        using var bob = await sponsor.GuestAsync("5.00");
        using var made = await ada.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = "Remember this.", store = true });
        made.StatusCode.Should().Be(HttpStatusCode.OK, await made.Content.ReadAsStringAsync());
        var id = (await made.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
        var before = sponsor.Received.Count;

        using var read = await bob.Api.GetAsync("/responses/" + id);
        using var continued = await bob.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = "What was it?", previous_response_id = id });
        using var deleted = await bob.Api.SendAsync(HttpMethod.Delete, "/responses/" + id);

        foreach (var refused in (HttpResponseMessage[])[read, continued, deleted])
        {
            refused.StatusCode.Should().Be(HttpStatusCode.NotFound);
            (await Api.ErrorAsync(refused)).Code.Should().Be("not_found");
        }

        sponsor.Received.Count.Should().Be(before, "nothing of it was sent");
        using var own = await ada.Api.GetAsync("/responses/" + id);
        sponsor.Received.Count.Should().Be(before + 1, "who made it reaches it: " + await own.Content.ReadAsStringAsync());
    }

    [Fact]
    public async Task Stops_for_who_is_suspended_and_keeps_the_credit()
    {
        using var operators = await Developer.SignedUpAsync(Broker, isOperator: true);
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");
        var id = await operators.SanctionAsync(user: guest.Person.Email);

        (await SafetySteps.CodeOfAsync(guest.Api.ChatAsync())).Should().Be("user_suspended");
        using var topUp = await sponsor.TopUpAsync(guest, "1.00");
        topUp.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await Topping_up.CodeAsync(topUp)).Should().Be("user_suspended");
        (await guest.BalanceAsync()).Should().Be(5_000_000);

        await operators.LiftAsync(id);
        using var call = await guest.Api.ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Is_told_from_a_refusal_of_the_users_own_key()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");
        Broker.Faults.Next(FaultKind.UnauthorizedFull, path: "/v1/chat/completions");

        using var refused = await guest.Api.ChatAsync();

        var (code, error) = await Api.ErrorAsync(refused);
        code.Should().Be("upstream_key_rejected");
        error.GetProperty("message").GetString().Should().Contain("credit").And.NotContain("user's key");
        (await guest.BalanceAsync()).Should().Be(5_000_000, "a refusal costs nothing");
    }

    private static async Task ChooseAsync(Guest guest, string purse)
    {
        using var changed = await guest.Person.PostAsync($"/apps/{guest.GrantId}", new() { ["Form.KeyId"] = purse });
        changed.StatusCode.Should().Be(HttpStatusCode.SeeOther, await changed.Content.ReadAsStringAsync());
    }
}
