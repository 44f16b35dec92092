using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using TokenBroker.Apps.Api;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

/// <summary>How much and how often whoever holds a secret may ask; what is refused posts nothing.</summary>
public sealed class Limiting_the_credit_api(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => broker.Host;

    [Theory]
    [InlineData("/top-ups", false)]
    [InlineData("/top-ups", true)]
    [InlineData("/refunds", false)]
    [InlineData("/refunds", true)]
    public async Task Takes_no_body_over_the_limit(string path, bool isChunked)
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();

        // The server counts what chunks are framed with as well.
        using var within = Request(sponsor, "/top-ups", BodyFor(guest, isChunked ? ApiBody.MostBytes - 1_000 : ApiBody.MostBytes), isChunked);
        using var over = Request(sponsor, path, BodyFor(guest, ApiBody.MostBytes + 1), isChunked);

        using var http = Broker.NewClient();
        using var refused = await http.SendAsync(over);
        using var taken = await http.SendAsync(within);

        refused.StatusCode.Should().Be(HttpStatusCode.RequestEntityTooLarge);
        (await refused.Content.ReadAsStringAsync()).Should().Contain("32 KB").And.NotContain(sponsor.Secret.Text);
        refused.Headers.CacheControl!.NoStore.Should().BeTrue();
        taken.StatusCode.Should().Be(HttpStatusCode.Created, await taken.Content.ReadAsStringAsync());
        (await guest.BalanceAsync()).Should().Be(5_000_000, "what was refused posted nothing");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Takes_no_webhook_over_the_limit_however_well_it_is_signed(bool isChunked)
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();

        using var refused = await sponsor.WebhookAsync("credit.top_up", DataFor(guest, ApiBody.MostBytes), "evt_1", isChunked: isChunked);
        using var taken = await sponsor.WebhookAsync("credit.top_up", DataFor(guest, ApiBody.MostBytes - 1_000), "evt_1", isChunked: isChunked);

        refused.StatusCode.Should().Be(HttpStatusCode.RequestEntityTooLarge, await refused.Content.ReadAsStringAsync());
        (await Topping_up.CodeAsync(refused)).Should().Be("invalid_request");
        refused.Headers.CacheControl!.NoStore.Should().BeTrue();
        taken.StatusCode.Should().Be(HttpStatusCode.Created, await taken.Content.ReadAsStringAsync());
        (await guest.BalanceAsync()).Should().Be(5_000_000);
    }

    [Fact]
    public async Task Takes_no_more_requests_of_one_secret_than_its_rate_whatever_they_ask()
    {
        await using var slow = await BrokerHost.StartAsync(new() { ["Credit:RequestsPerMinute"] = "4" });
        var sponsor = await Sponsored.ByAsync(slow);
        var other = await Sponsored.ByAsync(slow, BrokerHost.OtherAppId);
        using var guest = await sponsor.GuestAsync();
        var data = new { user = guest.UserId, amount = "1.00" };
        using var topUp = await sponsor.PostAsync("/top-ups", data, "order-1");
        using var webhook = await sponsor.WebhookAsync("credit.top_up", data, "evt_1");
        using var unknown = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = "nothing" }, "refund-1");
        (await sponsor.BalanceAsync(guest)).GetProperty("balance_micros").GetInt64().Should().Be(2_000_000);

        using var another = await sponsor.PostAsync("/top-ups", data, "order-2");
        using var again = await sponsor.PostAsync("/top-ups", data, "order-1");
        using var refund = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("order-1") }, "refund-2");
        using var signed = await sponsor.WebhookAsync("credit.top_up", data, "evt_2");
        using var forged = await sponsor.WebhookAsync("credit.top_up", data, "evt_3", change: body => body + " ");
        var asked = await sponsor.BalanceAsync(guest);
        using var others = await other.PostAsync("/top-ups", data, "order-1");

        topUp.StatusCode.Should().Be(HttpStatusCode.Created);
        webhook.StatusCode.Should().Be(HttpStatusCode.Created);
        unknown.StatusCode.Should().Be(HttpStatusCode.NotFound);
        foreach (var refused in (HttpResponseMessage[])[another, again, refund, signed])
        {
            refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
            refused.Headers.RetryAfter!.Delta.Should().Be(TimeSpan.FromMinutes(1));
            refused.Headers.CacheControl!.NoStore.Should().BeTrue();
            (await Topping_up.CodeAsync(refused)).Should().Be("rate_limited");
        }

        asked.GetProperty("code").GetString().Should().Be("rate_limited");
        forged.StatusCode.Should().Be(HttpStatusCode.Unauthorized, "who is not known is not told of anybody's rate");
        others.StatusCode.Should().Be(HttpStatusCode.NotFound, "another secret has a rate of its own");
        (await guest.BalanceAsync()).Should().Be(2_000_000);
    }

    private static HttpRequestMessage Request(Sponsored sponsor, string path, byte[] body, bool isChunked)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "/api/v1/credit" + path) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.TransferEncodingChunked = isChunked;
        request.Headers.Authorization = new("Bearer", sponsor.Secret.Text);
        request.Headers.Add("Idempotency-Key", sponsor.Named("order-1"));
        return request;
    }

    /// <summary>A top-up of just so many bytes: what is too much of a note is cut, not refused.</summary>
    private static byte[] BodyFor(Guest guest, int bytes)
    {
        var empty = JsonSerializer.SerializeToUtf8Bytes(new { user = guest.UserId, amount = "5.00", note = "" }).Length;
        return JsonSerializer.SerializeToUtf8Bytes(new { user = guest.UserId, amount = "5.00", note = new string('n', bytes - empty) });
    }

    private static object DataFor(Guest guest, int bytes) => new { user = guest.UserId, amount = "5.00", note = new string('n', bytes) };
}
