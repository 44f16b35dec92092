using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

/// <summary>What a payment provider sends, as Standard Webhooks has it.</summary>
public sealed class Taking_webhooks(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => broker.Host;

    [Fact]
    public async Task Tops_up_once_for_an_event_however_often_it_is_sent()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();
        var data = new { user = guest.UserId, amount = "5.00", currency = "USD" };

        using var first = await sponsor.WebhookAsync("credit.top_up", data, "evt_1");
        using var again = await sponsor.WebhookAsync("credit.top_up", data, "evt_1");
        using var other = await sponsor.WebhookAsync("credit.top_up", new { user = guest.UserId, amount = "6.00" }, "evt_1");
        using var refund = await sponsor.WebhookAsync("credit.refund", new { user = guest.UserId, top_up = sponsor.Named("evt_1"), amount = "2.00" }, "evt_2");

        first.StatusCode.Should().Be(HttpStatusCode.Created, await first.Content.ReadAsStringAsync());
        (await again.Content.ReadAsStringAsync()).Should().Be(await first.Content.ReadAsStringAsync());
        other.StatusCode.Should().Be(HttpStatusCode.UnprocessableEntity);
        refund.StatusCode.Should().Be(HttpStatusCode.Created, await refund.Content.ReadAsStringAsync());
        (await guest.BalanceAsync()).Should().Be(3_000_000);
    }

    [Fact]
    public async Task Refuses_what_is_forged_late_early_or_for_another()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        var other = await Sponsored.ByAsync(Broker, BrokerHost.OtherAppId);
        using var guest = await sponsor.GuestAsync();
        var data = new { user = guest.UserId, amount = "5.00" };
        var now = TimeProvider.System.GetUtcNow();

        HttpResponseMessage[] refused =
        [
            await sponsor.WebhookAsync("credit.top_up", data, "evt_1", change: body => body.Replace("5.00", "500", StringComparison.Ordinal)),
            await sponsor.WebhookAsync("credit.top_up", data, "evt_1", at: now.AddMinutes(-6)),
            await sponsor.WebhookAsync("credit.top_up", data, "evt_1", at: now.AddMinutes(6)),
            await sponsor.WebhookAsync("credit.top_up", data, "evt_1", key: other.Secret.SigningKey),
            await sponsor.WebhookAsync("credit.top_up", data, "evt_1", to: Guid.NewGuid()),
            await sponsor.WebhookAsync("credit.top_up", data, "evt_1", to: other.Secret.Id),
            await sponsor.PostAsync($"/webhooks/{sponsor.Secret.Id}", new { type = "credit.top_up", data }, null),
        ];
        using var others = await other.WebhookAsync("credit.top_up", data, "evt_1");

        refused.Should().AllSatisfy(response => response.StatusCode.Should().Be(HttpStatusCode.Unauthorized));
        others.StatusCode.Should().Be(HttpStatusCode.NotFound, "the user is none of that app's");
        (await guest.BalanceAsync()).Should().Be(0);
    }

    [Fact]
    public async Task Takes_no_notice_of_other_events_and_refuses_what_it_cannot_read()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();

        using var another = await sponsor.WebhookAsync("invoice.created", new { id = "in_1" }, "evt_1");
        using var unreadable = await sponsor.WebhookAsync("credit.top_up", "nothing", "evt_2");

        another.StatusCode.Should().Be(HttpStatusCode.Accepted);
        unreadable.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await guest.BalanceAsync()).Should().Be(0);
    }
}
