using System.Text.Json;

namespace TokenBroker.Tests.Upstreams;

public sealed class A_price_list
{
    private static readonly DateOnly Today = new(2026, 11, 23);

    [Theory]
    [InlineData("gpt-4o", "gpt-4o")]
    [InlineData("gpt-4o-audio-preview-2025", "gpt-4o-audio-preview")]
    [InlineData("omni-moderation-latest", "moderation")]
    [InlineData("gpt-4o-of-tomorrow", null)]
    [InlineData("GPT-4O", null)]
    public void Knows_a_model_by_its_exact_name_or_by_the_rule_that_says_more(string model, string? id) =>
        PriceLists.Embedded("openai").Find(model, Today)?.Id.Should().Be(id);

    [Theory]
    [InlineData("m-1-fast", "longer")]
    [InlineData("m-1", "exact")]
    [InlineData("m-2", "shorter")]
    [InlineData("x-17-mini", "nested")]
    [InlineData("x-17-large", null)]
    [InlineData("v-123", "pattern")]
    [InlineData("v-12a", null)]
    public void Understands_every_rule_that_the_data_sets_use(string model, string? id) => PriceLists.Of(
        """
        {"upstream":"x","as_of":"2026-01-01","models":[
          {"id":"shorter","match":[{"starts_with":"m-"}],"usd_per_million":{"input":1}},
          {"id":"longer","match":{"starts_with":"m-1-"},"usd_per_million":{"input":1}},
          {"id":"exact","match":{"or":[{"equals":"m-1"},{"equals":"m-one"}]},"usd_per_million":{"input":1}},
          {"id":"nested","match":{"and":[{"contains":"17"},{"or":[{"ends_with":"mini"},{"ends_with":"nano"}]}]},"usd_per_million":{"input":1}},
          {"id":"pattern","match":{"regex":"^v-[0-9]+$"},"usd_per_million":{"input":1}}]}
        """).Find(model, Today)?.Id.Should().Be(id);

    [Fact]
    public void Changes_a_price_on_its_day()
    {
        var list = PriceLists.Of(
            """
            {"upstream":"x","as_of":"2026-01-01","models":[{"id":"m","match":{"equals":"m"},"usd_per_million":{"input":10},
              "later":[{"from":"2026-12-01","usd_per_million":{"input":4}}]}]}
            """);

        list.Find("m", new DateOnly(2026, 11, 30))!.Input!.Base.Should().Be(10_000_000);
        list.Find("m", new DateOnly(2026, 12, 1))!.Input!.Base.Should().Be(4_000_000);
    }

    [Theory]
    [InlineData("""{"id":"m","match":{"equals":""},"usd_per_million":{"input":1}}""")]
    [InlineData("""{"id":"m","match":{"like":"m"},"usd_per_million":{"input":1}}""")]
    [InlineData("""{"id":"m","match":{"equals":"m","starts_with":"m"},"usd_per_million":{"input":1}}""")]
    [InlineData("""{"id":"m","match":{"regex":"("},"usd_per_million":{"input":1}}""")]
    [InlineData("""{"id":"m","match":{"regex":"(a)\\1"},"usd_per_million":{"input":1}}""")]
    [InlineData("""{"id":"m","match":{"equals":"m"},"usd_per_million":{"input":-1}}""")]
    [InlineData("""{"id":"m","match":{"equals":"m"},"usd_per_million":{"input":"1"}}""")]
    [InlineData("""{"id":"m","match":{"equals":"m"},"usd_per_million":{"imput":1}}""")]
    [InlineData("""{"id":"m","match":{"equals":"m"}}""")]
    [InlineData("""{"match":{"equals":"m"},"usd_per_million":{"input":1}}""")]
    public void Is_refused_as_a_whole_where_a_part_is_not_understood(string model) =>
        FluentActions.Invoking(() => PriceLists.Of($$"""{"upstream":"x","as_of":"2026-01-01","models":[{{model}}]}""")).Should().Throw<JsonException>();

    [Fact]
    public void Bounds_the_worst_cost_by_the_dearest_way_to_count_input()
    {
        var price = PriceLists.Embedded("anthropic").Find("claude-3-7-sonnet-latest", Today)!;

        price.MostInput(withAudio: false).Should().Be(6_000_000, "a token that is written to the cache for an hour costs twice");
    }
}
