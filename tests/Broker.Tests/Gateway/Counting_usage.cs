using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using TokenBroker.Metering;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>Worked examples: tokens by the sandbox's own rule, dollars for a million from the price list, rounded up once.</summary>
public sealed class Counting_usage(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_a_chat_prices_input_and_output(bool stream)
    {
        var usage = await UsageOfAsync("/chat/completions", Chat("gpt-4o-mini", "What is a plum?", stream));

        var (input, output) = (TokenCount.Of("What is a plum?"), TokenCount.Of(Reply.To("What is a plum?")));
        (usage.InputTokens, usage.OutputTokens, usage.Estimated).Should().Be((input, output, false));
        usage.CostMicros.Should().Be(Micros((input, 0.15m), (output, 0.60m)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_cached_input_takes_the_lower_price(bool stream)
    {
        var text = "[[cached:20]] " + new string('a', 400);
        var usage = await UsageOfAsync("/chat/completions", Chat("gpt-4o-mini", text, stream));

        (usage.InputTokens, usage.CachedInputTokens).Should().Be((TokenCount.Of(text), 20));
        usage.CostMicros.Should().Be(Micros((usage.InputTokens - 20, 0.15m), (20, 0.075m), (TokenCount.Of(Reply.To(text)), 0.60m)));
    }

    [Theory]
    [InlineData("/chat/completions", false)]
    [InlineData("/chat/completions", true)]
    [InlineData("/responses", false)]
    [InlineData("/responses", true)]
    public async Task Of_hidden_reasoning_counts_as_output(string path, bool stream)
    {
        const string text = "[[reasoning:1000]] Think";
        var body = path == "/responses" ? new JsonObject { ["model"] = "gpt-5.4", ["input"] = text, ["stream"] = stream } : Chat("gpt-5.4", text, stream);
        var usage = await UsageOfAsync(path, body);

        (usage.OutputTokens, usage.ReasoningTokens).Should().Be((1000 + TokenCount.Of(Reply.To(text)), 1000));
        usage.CostMicros.Should().Be(Micros((TokenCount.Of(text), 2.5m), (usage.OutputTokens, 15m)));
    }

    [Fact]
    public async Task Of_several_answers_counts_each()
    {
        var body = Chat("gpt-4o-mini", "Hello", stream: true);
        body["n"] = 4;
        var usage = await UsageOfAsync("/chat/completions", body);

        usage.OutputTokens.Should().Be(4 * TokenCount.Of(Reply.To("Hello")));
    }

    [Fact]
    public async Task Of_a_picture_in_a_chat_counts_what_the_provider_says()
    {
        var body = Chat("gpt-4o-mini", "Hello", stream: false);
        body["messages"]![0]!["content"] = new JsonArray(
            new JsonObject { ["type"] = "text", ["text"] = "Hello" },
            new JsonObject { ["type"] = "image_url", ["image_url"] = new JsonObject { ["url"] = "data:image/png;base64,AAAA" } });
        var usage = await UsageOfAsync("/chat/completions", body);

        usage.InputTokens.Should().Be(TokenCount.Of("Hello") + TokenCount.PerImage);
    }

    [Fact]
    public async Task Of_a_legacy_completion_prices_every_prompt()
    {
        var usage = await UsageOfAsync("/completions", new JsonObject
        {
            ["model"] = "gpt-3.5-turbo-instruct",
            ["prompt"] = new JsonArray("One", "Two", "Three"),
            ["n"] = 2,
            ["max_tokens"] = 5,
        });

        (usage.InputTokens, usage.OutputTokens).Should().Be((4, 3 * 2 * 5));
        usage.CostMicros.Should().Be(Micros((4, 1.5m), (30, 2m)));
    }

    [Fact]
    public async Task Of_embeddings_prices_input()
    {
        var text = new string('a', 4_000);
        var usage = await UsageOfAsync("/embeddings", new JsonObject { ["model"] = "text-embedding-3-large", ["input"] = text });

        (usage.InputTokens, usage.OutputTokens).Should().Be((1_000, 0));
        usage.CostMicros.Should().Be(Micros((1_000, 0.13m)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Of_images_prices_text_and_pictures_apart(bool stream)
    {
        var body = new JsonObject { ["model"] = "gpt-image-1", ["prompt"] = "A plum", ["quality"] = "medium", ["size"] = "1024x1024", ["n"] = 2, ["stream"] = stream };
        var usage = await UsageOfAsync("/images/generations", body);

        (usage.InputTokens, usage.OutputTokens).Should().Be((TokenCount.Of("A plum"), 2 * 1056));
        usage.CostMicros.Should().Be(Micros((TokenCount.Of("A plum"), 5m), (2 * 1056, 40m)));
    }

    [Fact]
    public async Task Of_an_edited_image_prices_the_picture_that_was_sent()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/images/edits", SampleCall.FormOf(
            [("model", "gpt-image-1"), ("prompt", "Bluer"), ("quality", "low")], ("image", "plum.png", 5_000)));
        response.StatusCode.Should().Be(HttpStatusCode.OK);

        (await connected.UsageAsync())[0].CostMicros.Should().Be(Micros((TokenCount.Of("Bluer"), 5m), (TokenCount.PerImage, 10m), (272, 40m)));
    }

    [Fact]
    public async Task Of_speech_prices_the_characters()
    {
        var body = new JsonObject { ["model"] = "tts-1", ["input"] = new string('a', 1_000), ["voice"] = "alloy" };
        var usage = await UsageOfAsync("/audio/speech", body);

        // The model reports none: the whole request's length is the bound that it is charged by.
        usage.Estimated.Should().BeTrue();
        usage.CostMicros.Should().Be(Micros((body.ToJsonString().Length, 15m))).And.BeGreaterThanOrEqualTo(Micros((1_000, 15m)));
    }

    [Fact]
    public async Task Of_streamed_speech_prices_the_tokens()
    {
        var usage = await UsageOfAsync("/audio/speech", new JsonObject
        {
            ["model"] = "gpt-4o-mini-tts",
            ["input"] = "One two three",
            ["voice"] = "alloy",
            ["stream_format"] = "sse",
        });

        (usage.OutputTokens, usage.AudioOutputTokens).Should().Be((30, 30));
        usage.CostMicros.Should().Be(Micros((TokenCount.Of("One two three"), 0.6m), (30, 12m)));
    }

    [Theory]
    [InlineData("/audio/transcriptions")]
    [InlineData("/audio/translations")]
    public async Task Of_whisper_prices_the_seconds(string path)
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.SendAsync(HttpMethod.Post, path, SampleCall.FormOf([("model", "whisper-1")], ("file", "a.wav", 100_000)));
        response.StatusCode.Should().Be(HttpStatusCode.OK);

        (await connected.UsageAsync())[0].CostMicros.Should().Be(Micros((4, 100m)));
    }

    [Theory]
    [InlineData("false")]
    [InlineData("true")]
    public async Task Of_a_transcription_prices_sound_and_text_apart(string stream)
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/audio/transcriptions", SampleCall.FormOf(
            [("model", "gpt-4o-transcribe"), ("stream", stream)], ("file", "a.wav", 100_000)));
        response.StatusCode.Should().Be(HttpStatusCode.OK);

        var usage = (await connected.UsageAsync())[0];
        (usage.InputTokens, usage.AudioInputTokens).Should().Be((40, 40));
        usage.CostMicros.Should().Be(Micros((40, 6m), (TokenCount.Of("The sandbox received a.wav, 100000 bytes."), 10m)));
    }

    [Fact]
    public async Task Of_plain_text_reads_no_usage_that_the_text_pretends()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/audio/transcriptions", SampleCall.FormOf(
            [("model", "whisper-1"), ("response_format", "text")], ("file", "{usage}.wav", 100_000)));
        response.Content.Headers.ContentType!.MediaType.Should().Be("text/plain");

        var usage = (await connected.UsageAsync())[0];
        usage.Estimated.Should().BeTrue();
        usage.CostMicros.Should().BeGreaterThanOrEqualTo(Micros((4, 100m)));
    }

    [Fact]
    public async Task Of_plain_text_is_charged_by_the_words_where_they_came_of_few_bytes()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/audio/transcriptions", SampleCall.FormOf(
            [("model", "whisper-1"), ("response_format", "text")], "file", new string('w', 60) + ".wav", new byte[4_000]));
        var words = (await response.Content.ReadAsStringAsync()).Length;

        // Nobody says more than ten letters a second so slowly that it is charged too little; by its bytes alone it would be two seconds.
        (await connected.UsageAsync())[0].CostMicros.Should().Be(500).And.BeLessThan(Micros((words / 10, 100m)), "the five seconds that it can have at most");
    }

    [Fact]
    public async Task Of_many_calls_adds_up_to_what_the_portal_shows()
    {
        using var connected = await Connected.AsAsync(Broker);
        await Parallel.ForAsync(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 10 }, async (i, _) =>
        {
            using var response = await connected.Api.ChatAsync(string.Create(CultureInfo.InvariantCulture, $"Number {i}"));
            response.StatusCode.Should().Be(HttpStatusCode.OK);
        });

        var spend = await connected.SpendAsync(40);
        var rows = await connected.UsageAsync(40);
        (spend.Calls, spend.CostMicros).Should().Be((40, rows.Sum(row => row.CostMicros)));
        var page = await connected.Person.PageAsync("/");
        page.QuerySelector("li[data-app='Test App'] .meter-text")!.TextContent.Should().Contain(global::TokenBroker.Pages.Money.Words(spend.CostMicros)).And.Contain("40 calls");
    }

    [Theory]
    [Trait("Checklist", "28")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task That_the_provider_leaves_out_is_estimated(bool stream)
    {
        var body = Chat("gpt-4o-mini", "[[fault:no_usage]] Hello", stream);
        var usage = await UsageOfAsync("/chat/completions", body);

        usage.Estimated.Should().BeTrue();
        usage.InputTokens.Should().Be((body.ToJsonString().Length / 4) + 1);
        usage.OutputTokens.Should().BeGreaterThanOrEqualTo(Reply.Pieces(Reply.To("Hello")).Count());
        usage.CostMicros.Should().BePositive();
    }

    [Fact]
    [Trait("Checklist", "28")]
    public async Task That_is_an_explicit_zero_is_zero()
    {
        await using var upstream = new RawUpstream
        {
            Script = _ => ["HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"usage\":{\"prompt_tokens\":0,\"completion_tokens\":0}}"],
        };
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        using var response = await connected.Api.ChatAsync();

        var usage = (await connected.UsageAsync())[0];
        (usage.CostMicros, usage.Estimated, usage.Status).Should().Be((0, false, 200));
    }

    [Fact]
    public async Task Of_an_error_is_nothing()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.ChatAsync("[[fault:server_error]]");

        var usage = (await connected.UsageAsync())[0];
        (usage.CostMicros, usage.Estimated, usage.Status).Should().Be((0, false, 500));
    }

    private async Task<Usage> UsageOfAsync(string path, JsonObject body)
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.PostRawAsync(path, body.ToJsonString());
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return (await connected.UsageAsync())[0];
    }

    private static JsonObject Chat(string model, string text, bool stream) => new()
    {
        ["model"] = model,
        ["stream"] = stream,
        ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }),
    };

    /// <summary>Dollars for a million units are micro-dollars for one.</summary>
    private static long Micros(params (long Units, decimal Dollars)[] parts) => (long)Math.Ceiling(parts.Sum(part => part.Units * part.Dollars));
}
