using System.Net;
using System.Net.WebSockets;
using TokenBroker.Tests.Gateway.Realtime;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

/// <summary>A realtime session on credit: claimed response by response, with the sponsor's key, and over when the purse is.</summary>
public sealed class Paying_for_a_session_by_credit(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private const string Endless = "[[events:50000]] [[delay:5]]";

    private BrokerHost Broker => broker.Host;

    [Fact]
    public async Task Draws_each_response_on_the_credit()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00", AppSocket.Scope);
        using var connected = On(sponsor, guest);
        using (var app = await AppSocket.OpenAsync(connected))
        {
            await app.AskAsync("Hello");
            await app.AskAsync("Hello again");
        }

        var cost = (await connected.UsageAsync(2)).Sum(row => row.CostMicros);
        cost.Should().BePositive();
        (await guest.SpentAsync(2)).Should().Be(cost);
        (await Eventually.IsAsync(guest.BalanceAsync, balance => balance == 5_000_000 - cost)).Should().Be(5_000_000 - cost);
        sponsor.Received.Should().OnlyContain(e => e.Path == "/v1/realtime").And.NotBeEmpty();
        guest.WithOwnKey.Should().BeEmpty();
        (await Sponsored.VerifyAsync(Broker)).Faults.Should().BeEmpty();
    }

    [Fact]
    public async Task Is_not_opened_without_credit()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync(scope: AppSocket.Scope);
        using var connected = On(sponsor, guest);
        ClientWebSocket? socket = null;

        var open = () => AppSocket.ConnectAsync(connected, prepare: made =>
        {
            socket = made;
            made.Options.SetRequestHeader("Authorization", "Bearer " + guest.Tokens.AccessToken);
        });

        await open.Should().ThrowAsync<WebSocketException>();
        socket!.HttpStatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        sponsor.Received.Should().BeEmpty("what is refused is not sent");
        guest.WithOwnKey.Should().BeEmpty("nothing falls back to another key");
    }

    [Fact]
    public async Task Refuses_a_response_that_the_credit_cannot_pay_and_says_so()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("0.50", AppSocket.Scope);
        using var connected = On(sponsor, guest);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SendAsync(Sound(3_600_000));
        await app.UntilAsync("conversation.item.added");

        await app.SendAsync("""{"type":"response.create","response":{"max_output_tokens":4096,"conversation":"auto"}}""");
        (await app.UntilAsync("error")).GetProperty("error").GetProperty("code").GetString().Should().Be("credit_exhausted");

        // A top-up reaches the session that is open.
        using var toppedUp = await sponsor.TopUpAsync(guest, "5.00");
        toppedUp.StatusCode.Should().Be(HttpStatusCode.Created);
        await app.SendAsync("""{"type":"response.create","response":{"max_output_tokens":4096,"conversation":"auto"}}""");
        await app.UntilAsync("response.done");
    }

    [Theory]
    [InlineData("withdraw the key", "upstream_key_rejected")]
    [InlineData("choose the own key", "purse_changed")]
    public async Task Ends_with_its_purse(string change, string code)
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00", AppSocket.Scope);
        using var connected = On(sponsor, guest);
        using var app = await AppSocket.OpenAsync(connected);
        await app.SayAsync(Endless);
        await app.SendAsync("""{"type":"response.create"}""");
        await app.UntilAsync("response.output_text.delta");

        if (change == "withdraw the key")
        {
            await sponsor.WithdrawAsync();
        }
        else
        {
            var own = (await guest.Person.PageAsync($"/apps/{guest.GrantId}")).QuerySelectorAll("input[name='Form.KeyId']").Select(i => i.GetAttribute("value")!).First(v => Guid.TryParse(v, out _));
            await Telling_which_purse_pays.ChooseAsync(guest.Person, guest.GrantId, own);
        }

        (await app.RestAsync())[^1].GetProperty("error").GetProperty("code").GetString().Should().Be(code);
        (await app.ReceivedAsync(e => e.Cancelled || e.Finished)).Should().NotBeNull("the provider's side is cut as well");
        (await guest.SpentAsync(1)).Should().BePositive("what was said until then is paid for");
        guest.WithOwnKey.Should().BeEmpty();
        (await Sponsored.VerifyAsync(Broker)).Faults.Should().BeEmpty();
    }

    private static Connected On(Sponsored sponsor, Guest guest) => Connected.By(sponsor.Host, guest.Person, sponsor.Key, guest.Tokens, guest.GrantId);

    /// <summary>An item of the user's, spoken.</summary>
    private static string Sound(int bytes) =>
        "{\"type\":\"conversation.item.create\",\"item\":{\"type\":\"message\",\"role\":\"user\",\"content\":[{\"type\":\"input_audio\",\"audio\":\""
        + Convert.ToBase64String(new byte[bytes]) + "\"}]}}";
}
