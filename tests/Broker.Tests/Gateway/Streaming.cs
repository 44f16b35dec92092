using System.Globalization;
using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Gateway;

public sealed partial class Streaming(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"TEXT\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"TEXT\"}]")]
    [InlineData("/completions", "\"model\":\"gpt-3.5-turbo-instruct\",\"max_tokens\":500,\"prompt\":\"TEXT\"")]
    [InlineData("/responses", "\"model\":\"gpt-4o-mini\",\"input\":\"TEXT\"")]
    public async Task Passes_each_event_while_the_provider_is_still_at_the_next(string path, string members)
    {
        // The provider falls silent for good after three events: what arrives cannot have waited for the end.
        using var connected = await Connected.AsAsync(Broker);
        using var response = await OpenAsync(connected, path, members.Replace("TEXT", "[[events:20]] [[fault:stall_mid_stream]] [[after:3]]", StringComparison.Ordinal));
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());

        var events = 0;
        while (events < 3 && await reader.ReadLineAsync() is { } line)
        {
            events += line.StartsWith("data: ", StringComparison.Ordinal) ? 1 : 0;
        }

        events.Should().Be(3);
        (await connected.ReceivedAsync(path)).Finished.Should().BeFalse();
    }

    [Theory]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"usage, \\\"usage\\\":null and é\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"n\":3,\"messages\":[{\"role\":\"user\",\"content\":\"[[events:300]]\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"stream_options\":{\"include_usage\":false},\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"stream_options\":{},\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"stream_options\":null,\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"stream_options\":{\"include_usage\":true},\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]")]
    [InlineData("/chat/completions", "\"model\":\"gpt-4o-mini\",\"tool_choice\":\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"usage\",\"parameters\":{\"type\":\"object\",\"properties\":{\"usage\":{\"type\":\"null\"}}}}}],\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]")]
    [InlineData("/completions", "\"model\":\"gpt-3.5-turbo-instruct\",\"prompt\":[\"One\",\"Two\"]")]
    [InlineData("/completions", "\"model\":\"gpt-3.5-turbo-instruct\",\"stream_options\":{\"include_usage\":true},\"prompt\":\"One\"")]
    [InlineData("/responses", "\"model\":\"gpt-4o-mini\",\"store\":false,\"input\":\"Hello\"")]
    public async Task Gives_the_client_byte_for_byte_what_the_provider_would(string path, string members)
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await OpenAsync(connected, path, members);
        var through = await response.Content.ReadAsStringAsync();

        // Responses tell what they were asked with: the person's pseudonym too.
        var pseudonym = (await connected.ReceivedAsync(path)).Json!["safety_identifier"] is { } name ? $",\"safety_identifier\":{name.ToJsonString()}" : "";
        using var client = Broker.NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{Broker.SandboxAddress}/v1{path}") { Content = Json("{\"stream\":true," + members + pseudonym + "}") };
        request.Headers.Authorization = new("Bearer", connected.Key);
        using var direct = await client.SendAsync(request);

        Normal(through).Should().Be(Normal(await direct.Content.ReadAsStringAsync()));
        response.Content.Headers.ContentType.Should().Be(direct.Content.Headers.ContentType);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\"stream_options\":null,")]
    [InlineData("\"stream_options\":{},")]
    [InlineData("\"stream_options\":{\"include_usage\":false},")]
    [InlineData("\"stream_options\":{\"include_usage\":null},")]
    [InlineData("\"stream_options\":{\"include_usage\":true},")]
    public async Task Always_asks_the_provider_for_usage(string options)
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await OpenAsync(connected, "/chat/completions", options + "\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]");
        await response.Content.ReadAsStringAsync();

        connected.Received[0].Json!["stream_options"]!["include_usage"]!.GetValue<bool>().Should().BeTrue();
        (await connected.UsageAsync())[0].OutputTokens.Should().Be(TokenCount.Of(Reply.To("Hello")));
    }

    [Fact]
    public async Task Shows_usage_to_a_client_that_asks()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await OpenAsync(
            connected, "/chat/completions", "\"stream_options\":{\"include_usage\":true},\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]");

        var text = await response.Content.ReadAsStringAsync();
        text.Should().Contain("\"usage\":null").And.Contain($"\"completion_tokens\":{TokenCount.Of(Reply.To("Hello")).ToString(CultureInfo.InvariantCulture)}");
    }

    [Fact]
    [Trait("Checklist", "25")]
    public async Task Takes_long_thought_for_none_of_its_ends()
    {
        // Longer than any clock of a connection, and the providers' own limit is ten minutes.
        using var connected = await Connected.AsAsync(Broker);
        using var response = await OpenAsync(connected, "/chat/completions", "\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"[[events:3]] [[delay:7000]]\"}]");

        (await response.Content.ReadAsStringAsync()).Should().EndWith("data: [DONE]\n\n");
        Broker.Services.GetRequiredService<Catalogue>().All.Should().OnlyContain(upstream => upstream.IdleTimeout >= TimeSpan.FromMinutes(10));
        (await connected.UsageAsync())[0].Estimated.Should().BeFalse();
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\r\n")]
    public async Task Takes_events_in_any_pieces_and_line_endings(string line)
    {
        await using var upstream = new RawUpstream();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        var events = $"data: {{\"choices\":[{{}}],\"usage\":null}}{line}{line}data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":5}}}}{line}{line}data: [DONE]{line}{line}";
        upstream.Script = _ =>
        [
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n",
            .. events.Chunk(3).Select(chunk => new string(chunk)),
        ];

        using var response = await connected.Api.OpenStreamAsync("Hello");

        (await response.Content.ReadAsStringAsync()).Should().Be($"data: {{\"choices\":[{{}}]}}{line}{line}data: [DONE]{line}{line}");
        var usage = (await connected.UsageAsync())[0];
        (usage.InputTokens, usage.OutputTokens, usage.Estimated).Should().Be((7, 5, false));
    }

    private static async Task<HttpResponseMessage> OpenAsync(Connected connected, string path, string members)
    {
        var response = await connected.Api.SendAsync(
            HttpMethod.Post, path, Json("{\"stream\":true," + members + "}"), HttpCompletionOption.ResponseHeadersRead);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return response;
    }

    private static StringContent Json(string json) => new(json, Encoding.UTF8, "application/json");

    /// <summary>Without ids and times, which differ from one request to the next.</summary>
    private static string Normal(string events) => Varying().Replace(events, "$1:0");

    [GeneratedRegex("(\"(?:id|item_id|created|created_at|completed_at)\"):(?:\"[^\"]*\"|[0-9]+)")]
    private static partial Regex Varying();
}
