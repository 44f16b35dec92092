using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Metering;
using TokenBroker.Tests.Authorization.Devices;
using TokenBroker.Tests.Authorization.Exchange;
using TokenBroker.Tests.Gateway;
using TokenBroker.Tests.Gateway.Objects;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

/// <summary>Credit pays wherever the access goes: to what is cut from a grant, to a device, and for a batch.</summary>
public sealed class Handing_credit_on(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => broker.Host;

    [Fact]
    public async Task To_a_child_grant_that_draws_on_the_same_credit_with_the_sponsors_key()
    {
        var (app, sponsor, account) = await DelegatingAsync("5.00");
        using var delegating = app;
        var child = await app.ChildAsync();
        var grandchild = await app.ChildAsync(child.AccessToken);

        using var childs = await new Api(Broker, child.AccessToken).ChatAsync();
        using var grandchilds = await new Api(Broker, grandchild.AccessToken).ChatAsync();
        using var parents = await new Api(Broker, app.Tokens.AccessToken).ChatAsync();

        new[] { childs, grandchilds, parents }.Should().OnlyContain(call => call.StatusCode == HttpStatusCode.OK);
        sponsor.Received.Should().HaveCount(3);
        var spent = await SpentAsync(account, 3);
        (await BalanceAsync(account)).Should().Be(5_000_000 - spent);
        (await Sponsored.VerifyAsync(Broker)).Faults.Should().BeEmpty();
    }

    [Fact]
    public async Task To_children_that_use_no_more_than_there_is_together()
    {
        var (app, sponsor, account) = await DelegatingAsync("0.004");
        using var delegating = app;
        List<Api> apis = [new(Broker, app.Tokens.AccessToken)];
        for (var i = 0; i < 3; i++)
        {
            apis.Add(new Api(Broker, (await app.ChildAsync()).AccessToken));
        }

        var calls = await Task.WhenAll(Enumerable.Range(0, 60).Select(i => apis[i % apis.Count].PostAsync("/chat/completions", new
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

        var answered = calls.Count(c => c.StatusCode == HttpStatusCode.OK);
        var spent = await SpentAsync(account, answered);
        spent.Should().BePositive().And.BeLessThanOrEqualTo(4_000);
        sponsor.Received.Should().HaveCount(answered);
        (await BalanceAsync(account)).Should().Be(4_000 - spent);
    }

    [Fact]
    public async Task To_a_child_only_for_as_long_as_its_parent_pays_so()
    {
        var (app, sponsor, account) = await DelegatingAsync("5.00");
        using var delegating = app;
        var (_, grantId) = await Delegated.OfAsync(app);
        var own = (await app.Person.PageAsync($"/apps/{grantId}")).QuerySelectorAll("input[name='Form.KeyId']").Select(i => i.GetAttribute("value")!).First(v => Guid.TryParse(v, out _));
        var child = new Api(Broker, (await app.ChildAsync()).AccessToken);
        using var onCredit = await child.ChatAsync();
        var spent = await SpentAsync(account, 1);

        await Telling_which_purse_pays.ChooseAsync(app.Person, grantId, own);
        using var onOwn = await child.ChatAsync();
        await Telling_which_purse_pays.ChooseAsync(app.Person, grantId, sponsor.Choice);
        await sponsor.WithdrawAsync();
        using var withdrawn = await child.ChatAsync();

        onCredit.StatusCode.Should().Be(HttpStatusCode.OK);
        onOwn.StatusCode.Should().Be(HttpStatusCode.OK, await onOwn.Content.ReadAsStringAsync());
        sponsor.Received.Should().ContainSingle("the second call was made with the user's own key");
        (await BalanceAsync(account)).Should().Be(5_000_000 - spent);
        (await Api.ErrorAsync(withdrawn)).Code.Should().Be("upstream_key_rejected", "nothing falls back to the user's own key");
    }

    [Fact]
    public async Task To_a_device()
    {
        var sponsor = await Sponsored.ByAsync(Broker, BrokerHost.DeviceAppId);
        var ownKey = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(Broker, ownKey);
        var device = await Device.StartAsync(Broker);
        using var answered = await Device.AnswerAsync(person, await device.SeeAsync(person), more: new() { ["Form.KeyId"] = sponsor.Choice });
        answered.StatusCode.Should().Be(HttpStatusCode.SeeOther, await answered.Content.ReadAsStringAsync());
        using var polled = await device.PollAsync();
        var tokens = await OAuthApp.ReadAsync(polled);
        var api = new Api(Broker, tokens.AccessToken);
        var userId = await Broker.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        var account = new AccountId(AccountKind.Credit, CreditAccount.IdOf(sponsor.SponsorId, userId));

        using var refused = await api.ChatAsync();
        using var toppedUp = await sponsor.PostAsync("/top-ups", new { user = userId, amount = "5.00" }, "order-1");
        using var call = await api.ChatAsync();

        tokens.Raw.GetProperty("authorization_details")[0].GetProperty("purse").GetString().Should().Be("app_credit");
        (await Api.ErrorAsync(refused)).Code.Should().Be("credit_exhausted");
        toppedUp.StatusCode.Should().Be(HttpStatusCode.Created, await toppedUp.Content.ReadAsStringAsync());
        call.StatusCode.Should().Be(HttpStatusCode.OK, await call.Content.ReadAsStringAsync());
        var spent = await SpentAsync(account, 1);
        (await BalanceAsync(account)).Should().Be(5_000_000 - spent);
        sponsor.Received.Should().ContainSingle();
        Broker.Journal.Snapshot().Where(e => e.Key == ownKey).Should().ContainSingle("it was checked when it was stored, and that is all");
    }

    [Fact]
    public async Task To_a_batch_or_not_at_all()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("0.01", Neighbours.Scopes);
        using var connected = Connected.By(Broker, guest.Person, sponsor.Key, guest.Tokens, guest.GrantId);
        const string Line = """{"custom_id":"1","method":"POST","url":"/v1/chat/completions","body":{"model":"gpt-4o","max_completion_tokens":1000,"messages":[{"role":"user","content":"Hello"}]}}""";

        using var refused = await Paying_for_a_batch.MakeAsync(connected, Line, Line, Line);
        using var made = await Paying_for_a_batch.MakeAsync(connected, Line);

        refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        (await Api.ErrorAsync(refused)).Code.Should().Be("credit_exhausted");
        made.StatusCode.Should().Be(HttpStatusCode.OK, await made.Content.ReadAsStringAsync());
        sponsor.Received.Where(e => e.Path == "/v1/batches").Should().ContainSingle();
        guest.WithOwnKey.Should().BeEmpty();
    }

    private async Task<(DelegatingApp App, Sponsored Sponsor, AccountId Account)> DelegatingAsync(string topUp)
    {
        var app = await DelegatingApp.ConnectAsync(Broker);
        var sponsor = await Sponsored.ByAsync(Broker, app.App.ClientId);
        var (userId, grantId) = await Delegated.OfAsync(app);
        await Telling_which_purse_pays.ChooseAsync(app.Person, grantId, sponsor.Choice);
        using var toppedUp = await sponsor.PostAsync("/top-ups", new { user = userId, amount = topUp }, "order-1");
        toppedUp.StatusCode.Should().Be(HttpStatusCode.Created, await toppedUp.Content.ReadAsStringAsync());
        return (app, sponsor, new AccountId(AccountKind.Credit, CreditAccount.IdOf(sponsor.SponsorId, userId)));
    }

    private Task<long> SpentAsync(AccountId account, int calls) => Eventually.IsAsync(
        () => Broker.WithDatabaseAsync(db => db.Spend.Where(s => s.Kind == AccountKind.Credit && s.OwnerId == account.Id && s.Calls >= calls).Select(s => s.CostMicros).FirstOrDefaultAsync()),
        spent => spent > 0);

    private Task<long> BalanceAsync(AccountId account) => Broker.WithDatabaseAsync(db => db.CreditAccounts.Where(a => a.Id == account.Id).Select(a => a.BalanceMicros).SingleAsync());
}
