using System.Data.Common;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

public sealed class Topping_up(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => broker.Host;

    [Fact]
    public async Task Answers_the_same_again_for_the_same_key_and_posts_once()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();
        using var first = await sponsor.TopUpAsync(guest, "5.00", "payment-1");
        using var between = await sponsor.TopUpAsync(guest, "1.00");

        var again = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => sponsor.TopUpAsync(guest, "5.00", "payment-1")));
        var parallel = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => sponsor.TopUpAsync(guest, "2.00", "payment-2")));

        var answer = await first.Content.ReadAsStringAsync();
        JsonSerializer.Deserialize<JsonElement>(answer).GetProperty("balance_micros").GetInt64().Should().Be(5_000_000);
        again.Should().AllSatisfy(response => response.StatusCode.Should().Be(HttpStatusCode.Created));
        (await Task.WhenAll(again.Select(response => response.Content.ReadAsStringAsync()))).Should().AllBe(answer);
        (await Task.WhenAll(parallel.Select(response => response.Content.ReadAsStringAsync()))).Distinct().Should().ContainSingle();
        (await guest.BalanceAsync()).Should().Be(8_000_000);
        var events = await Broker.WithDatabaseAsync(db => db.AuditEvents.CountAsync(e => e.Action == "credit.topped_up" && e.UserId == guest.UserId));
        events.Should().Be(3);
        (await Sponsored.VerifyAsync(Broker)).Faults.Should().BeEmpty();
    }

    [Fact]
    public async Task Refuses_another_body_under_a_used_key_and_no_key_at_all()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();
        using var first = await sponsor.TopUpAsync(guest, "5.00", "payment-1");

        using var other = await sponsor.TopUpAsync(guest, "6.00", "payment-1");
        using var none = await sponsor.PostAsync("/top-ups", new { user = guest.UserId, amount = "5.00" }, null);

        other.StatusCode.Should().Be(HttpStatusCode.UnprocessableEntity);
        (await CodeAsync(other)).Should().Be("idempotency_key_reused");
        none.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await guest.BalanceAsync()).Should().Be(5_000_000);
    }

    [Theory]
    [InlineData("""{"amount":"0"}""")]
    [InlineData("""{"amount":"-1"}""")]
    [InlineData("""{"amount":"1e3"}""")]
    [InlineData("""{"amount":"1.0000001"}""")]
    [InlineData("""{"amount":"1000.01"}""")]
    [InlineData("""{"amount":"99999999999999999999999999"}""")]
    [InlineData("""{"amount":"five"}""")]
    [InlineData("""{"amount":5}""")]
    [InlineData("""{"amount":"5.00","amount_micros":5000000}""")]
    [InlineData("""{"amount_micros":0}""")]
    [InlineData("""{"amount_micros":9223372036854775807}""")]
    [InlineData("""{"amount_micros":1.5}""")]
    [InlineData("""{"amount":"5.00","currency":"EUR"}""")]
    [InlineData("""{"amount":"5.00","amuont":"1"}""")]
    [InlineData("""{}""")]
    public async Task Refuses_what_is_no_amount(string members)
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();
        var body = JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(members)!;
        body["user"] = JsonSerializer.SerializeToElement(guest.UserId);

        using var response = await sponsor.PostAsync("/top-ups", body, "payment-1");

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await guest.BalanceAsync()).Should().Be(0);
    }

    [Fact]
    public async Task Is_for_the_sponsors_own_users_with_its_own_secret()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        var other = await Sponsored.ByAsync(Broker, BrokerHost.OtherAppId);
        using var guest = await sponsor.GuestAsync();
        object body = new { user = guest.UserId, amount = "5.00" };

        using var others = await other.PostAsync("/top-ups", body, "payment-1");
        using var unknown = await sponsor.PostAsync("/top-ups", new { user = Guid.NewGuid(), amount = "5.00" }, "payment-1");
        using var byAddress = await sponsor.PostAsync("/top-ups", new { user = guest.Person.Email, amount = "5.00" }, "payment-1");
        using var invented = await sponsor.PostAsync("/top-ups", body, "payment-1", secret: "tbc_" + new string('a', 43));
        using var asUser = await sponsor.PostAsync("/top-ups", body, "payment-1", secret: guest.Tokens.AccessToken);
        using var developer = await Developer.SignedUpAsync(Broker);
        using var personal = await sponsor.PostAsync("/top-ups", body, "payment-1", secret: developer.Token);

        foreach (var response in (HttpResponseMessage[])[others, unknown, byAddress])
        {
            response.StatusCode.Should().Be(HttpStatusCode.NotFound);
            (await CodeAsync(response)).Should().Be("unknown_user");
        }

        foreach (var response in (HttpResponseMessage[])[invented, asUser, personal])
        {
            response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }

        (await guest.BalanceAsync()).Should().Be(0);
    }

    [Fact]
    public async Task Gives_back_what_was_not_used_and_never_what_was()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync();
        using var paid = await sponsor.TopUpAsync(guest, "1.00", "payment-1");
        using var call = await guest.Api.ChatAsync();
        var spent = await guest.SpentAsync(1);

        using var all = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("payment-1") }, "refund-1");
        using var rest = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("payment-1"), amount_micros = 1_000_000 - spent }, "refund-2");
        using var more = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("payment-1"), amount_micros = 1 }, "refund-3");
        using var next = await guest.Api.ChatAsync();

        all.StatusCode.Should().Be(HttpStatusCode.Conflict);
        (await all.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("available_micros").GetInt64().Should().Be(1_000_000 - spent, "a lease that no call claims is given back first");
        rest.StatusCode.Should().Be(HttpStatusCode.Created, await rest.Content.ReadAsStringAsync());
        more.StatusCode.Should().Be(HttpStatusCode.Conflict);
        (await Api.ErrorAsync(next)).Code.Should().Be("credit_exhausted");
        (await guest.BalanceAsync()).Should().Be(0);
        (await Sponsored.VerifyAsync(Broker)).Faults.Should().BeEmpty();
    }

    [Fact]
    public async Task Gives_back_no_more_than_the_top_up_brought_that_user()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("10.00");
        using var other = await sponsor.GuestAsync("10.00");
        using var paid = await sponsor.TopUpAsync(guest, "1.00", "payment-1");

        using var more = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("payment-1"), amount = "1.01" }, "refund-1");
        using var ofOther = await sponsor.PostAsync("/refunds", new { user = other.UserId, top_up = sponsor.Named("payment-1"), amount = "0.10" }, "refund-2");
        using var unknown = await sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("payment-2") }, "refund-3");
        var twice = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => sponsor.PostAsync("/refunds", new { user = guest.UserId, top_up = sponsor.Named("payment-1") }, $"refund-{10 + i}")));

        more.StatusCode.Should().Be(HttpStatusCode.Conflict);
        ofOther.StatusCode.Should().Be(HttpStatusCode.Conflict);
        unknown.StatusCode.Should().Be(HttpStatusCode.NotFound);
        twice.Count(response => response.StatusCode == HttpStatusCode.Created).Should().Be(1);
        (await guest.BalanceAsync()).Should().Be(10_000_000);
        (await sponsor.BalanceAsync(guest)).GetProperty("balance_micros").GetInt64().Should().Be(10_000_000);
    }

    [Fact]
    public async Task Leaves_rows_that_the_database_does_not_let_anybody_change()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");

        var change = () => Broker.WithDatabaseAsync(db => db.CreditLines.ExecuteUpdateAsync(set => set.SetProperty(l => l.AmountMicros, 1)));
        var delete = () => Broker.WithDatabaseAsync(db => db.CreditTransactions.ExecuteDeleteAsync());

        foreach (var attempt in (Func<Task<int>>[])[change, delete])
        {
            (await attempt.Should().ThrowAsync<DbException>()).WithMessage("*What was posted stays*");
        }
    }

    internal static async Task<string> CodeAsync(HttpResponseMessage response) => (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("code").GetString()!;
}
