using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Metering;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "28")]
public sealed class Holding_a_budget(SharedBroker shared)
{
    // A cent, the least that a user can allow.
    private const long Budget = 10_000;

    [Fact]
    public async Task Refuses_what_would_pass_it_under_a_hundred_parallel_calls()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "200" });
        using var connected = await Connected.AsAsync(broker, budget: "0.01");
        var statuses = new ConcurrentBag<HttpStatusCode>();

        await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
        {
            using var response = await connected.Api.PostAsync("/chat/completions", new
            {
                model = "gpt-4o",
                max_completion_tokens = 100,
                messages = new[] { new { role = "user", content = $"[[events:500]] {i}" } },
            });
            statuses.Add(response.StatusCode);
        }));

        statuses.Should().OnlyContain(status => status == HttpStatusCode.OK || status == HttpStatusCode.PaymentRequired);
        statuses.Should().Contain(HttpStatusCode.OK).And.Contain(HttpStatusCode.PaymentRequired);
        var answered = statuses.Count(status => status == HttpStatusCode.OK);
        connected.Received.Count.Should().Be(answered, "a call that does not fit is not sent");
        (await connected.SpendAsync(answered)).CostMicros.Should().BeInRange(1, Budget);
        Books.OfGrant(broker, connected.GrantId).IsIdle.Should().BeTrue();
    }

    [Fact]
    public async Task Gives_back_what_broken_calls_reserved()
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");
        foreach (var fault in (string[])["server_error", "rate_limited", "drop_before", "unauthorized", "redirect", "gzip", "drop", "malformed_json"])
        {
            using var response = await connected.Api.PostAsync("/chat/completions", new
            {
                model = "gpt-4o-mini",
                max_completion_tokens = 100,
                messages = new[] { new { role = "user", content = $"[[fault:{fault}]] Hello" } },
            }).ContinueWith(call => call.IsCompletedSuccessfully ? call.GetAwaiter().GetResult() : new HttpResponseMessage(), TaskScheduler.Default);
        }

        var book = Books.OfGrant(shared.Host, connected.GrantId);
        (await Eventually.IsAsync(() => Task.FromResult(book.IsIdle), idle => idle)).Should().BeTrue();
        book.LeftOf(Budget).Should().BeInRange(Budget - 1_000, Budget);
    }

    [Theory]
    [InlineData("/chat/completions", "gpt-4o", "", "max_completion_tokens")]
    [InlineData("/chat/completions", "gpt-4o", "\"max_completion_tokens\":100000,", "max_completion_tokens")]
    [InlineData("/chat/completions", "gpt-4o", "\"max_tokens\":100000,", "max_tokens")]
    [InlineData("/chat/completions", "gpt-4o", "\"max_completion_tokens\":null,", "max_completion_tokens")]
    [InlineData("/chat/completions", "gpt-4o", "\"max_completion_tokens\":0,", "max_completion_tokens")]
    [InlineData("/chat/completions", "gpt-4o", "\"max_tokens\":-1,", "max_tokens")]
    [InlineData("/responses", "gpt-4o", "", "max_output_tokens")]
    [InlineData("/responses", "gpt-4o", "\"max_output_tokens\":100000,", "max_output_tokens")]
    [InlineData("/completions", "gpt-3.5-turbo-instruct", "", "max_tokens")]
    public async Task Shortens_an_answer_that_could_cost_more_than_is_left(string path, string model, string limit, string member)
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");
        var body = $"{{\"model\":\"{model}\",{limit}" + Input(path, "[[events:50000]]") + "}";

        using var response = await connected.Api.PostRawAsync(path, body);

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        var sent = connected.Received[0].Json![member]!.GetValue<long>();
        var (input, output) = model == "gpt-4o" ? (2.5m, 10m) : (1.5m, 2m);
        var (quarter, all) = (Answer(Budget / 4), Answer(Budget));
        sent.Should().Be(Math.Max(quarter, Math.Min(1_024, all)), "a quarter of what is left pays for it, or an answer of use does");
        (await connected.UsageAsync())[0].CostMicros.Should().BeLessThanOrEqualTo(Budget);

        long Answer(long micros) => (long)((micros - Math.Ceiling(body.Length * input)) / output);
    }

    [Theory]
    [InlineData("/chat/completions", "\"max_completion_tokens\":50,", "max_completion_tokens")]
    [InlineData("/chat/completions", "\"max_tokens\":50,", "max_tokens")]
    [InlineData("/responses", "\"max_output_tokens\":50,", "max_output_tokens")]
    public async Task Keeps_the_clients_own_limit_where_it_fits(string path, string limit, string member)
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");

        using var response = await connected.Api.PostRawAsync(path, $"{{\"model\":\"gpt-4o\",{limit}" + Input(path, "[[events:500]]") + "}");

        connected.Received[0].Json![member]!.GetValue<long>().Should().Be(50);
        connected.Received[0].Json!.AsObject().Count(m => m.Key.StartsWith("max_", StringComparison.Ordinal)).Should().Be(1);
    }

    [Fact]
    public async Task Adds_no_limit_where_the_worst_case_fits()
    {
        using var connected = await Connected.AsAsync(shared.Host);

        using var response = await connected.Api.ChatAsync();

        connected.Received[0].Json!.AsObject().Select(m => m.Key).Should().Equal("safety_identifier", "model", "messages");
    }

    [Fact]
    public async Task Takes_no_limit_of_another_operation_for_this_ones()
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");

        using var response = await connected.Api.PostRawAsync("/completions", "{\"model\":\"gpt-3.5-turbo-instruct\",\"max_completion_tokens\":1,\"prompt\":\"Hello\"}");

        // Whatever the provider makes of that member, the answer that was paid for is the one that was sent.
        connected.Received[0].Json!["max_tokens"]!.GetValue<long>().Should().BeInRange(64, 5_000);
    }

    [Fact]
    public async Task Reserves_for_every_prompt_of_a_list()
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");
        var prompts = new JsonArray([.. Enumerable.Repeat(0, 100).Select(_ => JsonValue.Create("[[events:1000]]"))]);

        using var response = await connected.Api.PostAsync("/completions", new { model = "gpt-3.5-turbo-instruct", prompt = prompts, max_tokens = 1_000 });

        response.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        connected.Received.Should().BeEmpty();
    }

    [Fact]
    public async Task Reserves_for_an_answer_that_is_predicted_and_does_not_come()
    {
        using var connected = await Connected.AsAsync(shared.Host, budget: "0.01");

        using var response = await connected.Api.PostAsync("/chat/completions", new
        {
            model = "gpt-4o",
            messages = new[] { new { role = "user", content = "Hello" } },
            prediction = new { type = "content", content = new string('a', 1_000) },
        });

        response.StatusCode.Should().Be(HttpStatusCode.PaymentRequired, "a thousand bytes may be as many tokens of output, beside what is read");
        connected.Received.Should().BeEmpty();
    }

    [Theory]
    [InlineData("\"images\":[{\"image_url\":\"https://x.example/1.png\"},{\"image_url\":\"https://x.example/2.png\"}]")]
    [InlineData("\"images\":[{\"image_url\":\"https://x.example/1.png\"}],\"mask\":{\"image_url\":\"https://x.example/2.png\"}")]
    public async Task Reserves_for_pictures_that_are_edited_whatever_form_they_come_in(string pictures)
    {
        // One picture made, for 32 cents, fits; two that are read, at up to 50 cents each, do not.
        using var connected = await Connected.AsAsync(shared.Host, budget: "1");

        using var response = await connected.Api.PostRawAsync("/images/edits", "{\"model\":\"gpt-image-1\",\"prompt\":\"Bluer\"," + pictures + "}");

        response.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        connected.Received.Should().BeEmpty();
    }

    [Fact]
    public async Task Refuses_once_it_is_spent_and_after_a_restart()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, budget: "0.01");
        using (var first = await connected.Api.ChatAsync("[[events:50000]]", "gpt-4o"))
        {
            first.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using (var second = await connected.Api.ChatAsync("Hello", "gpt-4o"))
        {
            second.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        }

        await broker.RestartBrokerAsync();

        using var third = await connected.Api.ChatAsync("Hello", "gpt-4o");
        third.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
        (await Api.ErrorAsync(third)).Code.Should().Be("budget_exhausted");
        connected.Received.Count.Should().Be(1);
    }

    [Fact]
    public async Task Begins_anew_with_the_month()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 30, 23, 50, 0, TimeSpan.Zero));
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker, budget: "0.01");
        using (var spent = await connected.Api.ChatAsync("[[events:50000]]", "gpt-4o"))
        {
            spent.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using (var refused = await connected.Api.ChatAsync("Hello", "gpt-4o"))
        {
            refused.StatusCode.Should().Be(HttpStatusCode.PaymentRequired);
            (await Api.ErrorAsync(refused)).Error.GetProperty("message").GetString().Should().Contain("2026-12-01");
        }

        clock.Advance(TimeSpan.FromMinutes(11));

        using var anew = await connected.Api.ChatAsync("Hello", "gpt-4o");
        anew.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Counts_a_call_that_spans_the_month_in_the_month_it_began()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 30, 23, 59, 0, TimeSpan.Zero));
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker);
        using var response = await connected.Api.OpenStreamAsync("[[events:200]] [[delay:5]]");
        clock.Advance(TimeSpan.FromMinutes(2));
        await response.Content.ReadAsStringAsync();

        var spend = await connected.SpendAsync();
        var periods = await broker.WithDatabaseAsync(db => db.Spend.Where(s => s.OwnerId == connected.GrantId).Select(s => s.Period).ToListAsync());

        spend.CostMicros.Should().BePositive();
        periods.Should().BeEquivalentTo([20261130, 202611, SpendPeriods.Total]);
    }

    private static string Input(string path, string text) => path switch
    {
        "/responses" => $"\"input\":\"{text}\"",
        "/completions" => $"\"prompt\":\"{text}\"",
        _ => string.Create(CultureInfo.InvariantCulture, $"\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]"),
    };
}
