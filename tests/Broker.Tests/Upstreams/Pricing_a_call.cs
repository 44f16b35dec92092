using CsCheck;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Upstreams;

/// <summary>Worked examples: a provider's report, the rates in dollars for a million, and the micro-dollars that come of it, worked out by hand.</summary>
public sealed class Pricing_a_call
{
    private static readonly DateOnly Today = new(2026, 11, 23);

    [Theory]

    // 1,000 in and 500 out at 2.50 and 15: 2,500 + 7,500.
    [InlineData("gpt-5.4", """{"prompt_tokens":1000,"completion_tokens":500,"total_tokens":1500}""", 10_000)]

    // 900 of the 1,000 were cached: 100 x 2.50 + 900 x 0.25 + 500 x 15.
    [InlineData("gpt-5.4", """{"prompt_tokens":1000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":900}}""", 7_975)]

    // What the model thought is among the 500: it is not charged a second time.
    [InlineData("gpt-5.4", """{"input_tokens":1000,"output_tokens":500,"output_tokens_details":{"reasoning_tokens":400}}""", 10_000)]

    // From 272,000 input tokens on the whole call costs more: 272,000 x 5 + 10 x 22.50.
    [InlineData("gpt-5.4", """{"input_tokens":272000,"output_tokens":10}""", 1_360_225)]

    // 200 written to the cache at 6.25, 300 read from it at 0.50, 500 as text at 5, and 100 out at 30.
    [InlineData("gpt-5.6", """{"input_tokens":1000,"output_tokens":100,"input_tokens_details":{"cached_tokens":300,"cache_write_tokens":200}}""", 6_900)]

    // Sound: 100 text at 4, 400 heard at 32, 500 read from the cache, of which 200 sound, all at 0.40; 50 text out at 16 and 150 spoken at 64:
    // 400 + 12,800 + 200 + 800 + 9,600.
    [InlineData("gpt-realtime", """{"input_tokens":1000,"output_tokens":200,"input_token_details":{"text_tokens":400,"audio_tokens":600,"cached_tokens":500,"cached_tokens_details":{"text_tokens":300,"audio_tokens":200}},"output_token_details":{"text_tokens":50,"audio_tokens":150}}""", 23_800)]

    // A search for each call, at 25 dollars a thousand, beside 1,000 in at 2.50 and 500 out at 10: 25,000 + 2,500 + 5,000; and for the small one + 150 + 300.
    [InlineData("gpt-4o-search-preview", """{"prompt_tokens":1000,"completion_tokens":500}""", 32_500)]
    [InlineData("gpt-4o-mini-search-preview", """{"prompt_tokens":1000,"completion_tokens":500}""", 25_450)]

    // 400 text at 2.50, 600 heard at 40, 50 text out at 10 and 150 spoken at 80: 1,000 + 24,000 + 500 + 12,000.
    [InlineData("gpt-4o-audio-preview", """{"prompt_tokens":1000,"completion_tokens":200,"prompt_tokens_details":{"audio_tokens":600},"completion_tokens_details":{"audio_tokens":150}}""", 37_500)]

    // The first of its line kept its price, and has none for what is cached: 1,000 x 5 + 500 x 15, whatever was cached of it.
    [InlineData("gpt-4o-2024-05-13", """{"prompt_tokens":1000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":900}}""", 12_500)]
    [InlineData("gpt-4o", """{"prompt_tokens":1000,"completion_tokens":500,"prompt_tokens_details":{"cached_tokens":0}}""", 7_500)]

    // Zero is zero.
    [InlineData("gpt-5.4", """{"prompt_tokens":0,"completion_tokens":0}""", 0)]

    // A provider that tells what was thought in the total alone: 100 in at 2.50, 40 out at 15.
    [InlineData("gpt-5.4", """{"prompt_tokens":100,"completion_tokens":10,"total_tokens":140}""", 850)]
    public void Of_OpenAi_adds_up(string model, string usage, long micros) =>
        PriceOf("openai", model).CostOf(Read(usage, UsageShape.OpenAi)).Should().Be(micros);

    [Theory]

    // Input does not hold the cached parts: 100 x 3 + 2,000 x 3.75 + 5,000 x 0.30 + 50 x 15 = 300 + 7,500 + 1,500 + 750.
    [InlineData("claude-3-7-sonnet-latest", """{"input_tokens":100,"cache_creation_input_tokens":2000,"cache_read_input_tokens":5000,"output_tokens":50}""", 10_050)]

    // Of the 2,000 written, 1,500 for an hour at 6: 100 x 3 + 500 x 3.75 + 1,500 x 6 = 300 + 1,875 + 9,000.
    [InlineData("claude-3-7-sonnet-latest", """{"input_tokens":100,"cache_creation_input_tokens":2000,"cache_creation":{"ephemeral_5m_input_tokens":500,"ephemeral_1h_input_tokens":1500},"output_tokens":0}""", 11_175)]
    public void Of_Anthropic_adds_up(string model, string usage, long micros) =>
        PriceOf("anthropic", model).CostOf(Read(usage, UsageShape.Anthropic)).Should().Be(micros);

    [Fact]
    public void Joins_the_events_of_a_stream_without_counting_twice()
    {
        var first = Read("""{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":1}""", UsageShape.Anthropic);
        var last = Read("""{"input_tokens":25,"cache_read_input_tokens":100,"output_tokens":15}""", UsageShape.Anthropic);
        var lastAlone = Read("""{"output_tokens":15}""", UsageShape.Anthropic);

        first.With(last).Should().Be(first.With(lastAlone));
        first.With(last).Should().Be(new TokenUsage { Input = 125, CachedInput = 100, Output = 15 });
    }

    [Theory]

    // 1,000 in and 500 out at 2.50 and 15; half of it; and at 5 and 30.
    [InlineData("gpt-5.4", "default", 10_000)]
    [InlineData("gpt-5.4", "flex", 5_000)]
    [InlineData("gpt-5.4", "batch", 5_000)]
    [InlineData("gpt-5.4", "priority", 20_000)]

    // At 0.25 and 1.00 in place of 0.15 and 0.60: 250 + 500, and the third that is no whole percent rounds up once.
    [InlineData("gpt-4o-mini", "priority", 751)]

    // At 8.75 and 26.25 in place of 5 and 15: 8,750 + 13,125.
    [InlineData("gpt-4o-2024-05-13", "priority", 21_875)]

    // At 2 and 8 in place of 1.10 and 4.40: 2,000 + 4,000, and the same again.
    [InlineData("o4-mini", "priority", 6_001)]

    // 5 and 30 at two and a half times as much.
    [InlineData("gpt-5.5", "priority", 50_000)]

    // What was paid for before costs as the list says.
    [InlineData("gpt-5.4", "scale", 10_000)]

    // A tier that the list does not know is the dearest that it does.
    [InlineData("gpt-5.4", "novel", 20_000)]
    public void Follows_the_service_tier(string model, string tier, long micros)
    {
        var price = PriceOf("openai", model);

        price.CostOf(new TokenUsage { Input = 1000, Output = 500 }, price.Tiers.Told(System.Text.Encoding.UTF8.GetBytes(tier)).Share).Should().Be(micros);
    }

    [Theory]
    [InlineData("gpt-5.1", true)]
    [InlineData("gpt-5", true)]
    [InlineData("gpt-5-mini", true)]
    [InlineData("gpt-5-nano", true)]
    [InlineData("gpt-5.2", true)]
    [InlineData("gpt-4.1", false)]
    [InlineData("gpt-4o", false)]
    [InlineData("o3", false)]
    public void Knows_where_cached_input_has_a_price_in_batches(string model, bool caches) => PriceOf("openai", model).CachesInBatches.Should().Be(caches);

    [Fact]
    public void Takes_an_unknown_models_tier_for_the_dearest_of_the_list() =>
        PriceOf("openai", "gpt-5.6").Tiers.Of("priority").Should().Be(250_000);

    [Fact]
    public void Charges_a_search_the_same_in_every_tier()
    {
        var price = PriceOf("openai", "gpt-5.4") with { Rates = new Rates { WebSearches = new Rate(10_000_000_000, []) } };

        price.CostOf(new TokenUsage { WebSearches = 3 }, 50_000).Should().Be(30_000);
    }

    [Fact]
    public void Keeps_what_the_list_before_said_of_tiers_where_an_import_says_nothing()
    {
        var before = PriceLists.Embedded("openai");
        using var import = System.Text.Json.JsonDocument.Parse("""
            {"upstream":"openai","as_of":"2027-01-01","models":[
              {"id":"gpt-4o","match":{"equals":"gpt-4o"},"usd_per_million":{"input":1,"output":1}},
              {"id":"gpt-5","match":{"equals":"gpt-5"},"usd_per_million":{"input":1,"output":1}},
              {"id":"gpt-5.1","match":{"equals":"gpt-5.1"},"usd_per_million":{"input":1,"output":1},"caches_in_batches":false},
              {"id":"novel","match":{"equals":"novel"},"usd_per_million":{"input":1,"output":1}},
              {"id":"own","match":{"equals":"own"},"usd_per_million":{"input":1,"output":1},"service_tiers":{"priority":300}}]}
            """);

        var after = PriceListFile.Read(import.RootElement, before);

        after.Find("gpt-4o", Today)!.Tiers.Of("priority").Should().Be(170_000);
        after.Find("novel", Today)!.Tiers.Of("priority").Should().Be(250_000);
        after.Find("own", Today)!.Tiers.Of("priority").Should().Be(300_000);
        after.Find("own", Today)!.Tiers.Of("flex").Should().BeNull("what a model says of itself is all that holds for it");
        after.Find("gpt-5", Today)!.CachesInBatches.Should().BeTrue();
        after.Find("gpt-5.1", Today)!.CachesInBatches.Should().BeFalse("this list says so");
    }

    [Fact]
    public void Rounds_up_once_and_not_by_part()
    {
        // 1 x 0.15 + 1 x 0.60 millionths: less than one micro-dollar, and yet not nothing.
        PriceOf("openai", "gpt-4o-mini").CostOf(new TokenUsage { Input = 1, Output = 1 }).Should().Be(1);
        PriceOf("openai", "gpt-4o-mini").CostOf(new TokenUsage { Input = 10, Output = 10 }).Should().Be(8, "7.5 is rounded up once");
    }

    [Fact]
    public void Never_costs_less_for_more() => Gen.Select(Gen.Long[0, 1_000_000], Gen.Long[0, 1_000_000], Gen.Long[0, 1_000_000], Gen.Long[0, 1000])
        .Sample((input, cached, output, more) =>
        {
            var price = PriceOf("openai", "gpt-5.4");
            var usage = new TokenUsage { Input = input, CachedInput = Math.Min(cached, input), Output = output };
            var cost = price.CostOf(usage);
            cost.Should().BeGreaterThanOrEqualTo(0);
            price.CostOf(usage with { Output = output + more }).Should().BeGreaterThanOrEqualTo(cost);
            price.CostOf(usage with { Input = input + more }).Should().BeGreaterThanOrEqualTo(cost);
        });

    [Theory]
    [InlineData("""[]""")]
    [InlineData("""{"prompt_tokens":"many"}""")]
    [InlineData("""{"total_tokens":5}""")]
    [InlineData("""{"prompt_tokens":""")]
    public void Takes_what_it_cannot_read_for_missing(string usage) =>
        UsageReader.Read(System.Text.Encoding.UTF8.GetBytes(usage), UsageShape.OpenAi, OperationKind.Chat).Should().BeNull();

    [Fact]
    public void Takes_no_negative_and_no_endless_number()
    {
        var usage = Read("""{"prompt_tokens":-5,"completion_tokens":99999999999999999999}""", UsageShape.OpenAi);

        usage.Input.Should().Be(0);
        PriceOf("openai", "o1-pro").CostOf(usage).Should().BePositive();
    }

    private static ModelPrice PriceOf(string list, string model) => PriceLists.Embedded(list).Find(model, Today)!;

    private static TokenUsage Read(string usage, UsageShape shape) =>
        UsageReader.Read(System.Text.Encoding.UTF8.GetBytes(usage), shape, OperationKind.Chat)!.Value;
}
