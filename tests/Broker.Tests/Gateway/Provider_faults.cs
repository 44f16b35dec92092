using System.Net;
using System.Net.Http.Json;
using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Custody;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Provider_faults(SharedBroker shared)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private BrokerHost Broker => shared.Host;

    [Theory]
    [Trait("Checklist", "22")]
    [InlineData("unauthorized", 403, "upstream_key_rejected")]
    [InlineData("unauthorized_full", 403, "upstream_key_rejected")]
    [InlineData("forbidden_scopes", 403, "upstream_key_rejected")]
    [InlineData("forbidden_country", 403, "upstream_key_rejected")]
    [InlineData("redirect", 502, "upstream_unavailable")]
    [InlineData("drop_before", 502, "upstream_unavailable")]
    [InlineData("gzip", 502, "upstream_unavailable")]
    [InlineData("echo_key", 502, "upstream_unavailable")]
    [InlineData("rate_limited", 429, "rate_limit_exceeded")]
    [InlineData("insufficient_quota", 429, "insufficient_quota")]
    [InlineData("server_error", 500, null)]
    [InlineData("unavailable", 503, "service_unavailable")]
    public async Task Become_an_error_without_any_part_of_the_key(string fault, int status, string? code)
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await connected.Api.ChatAsync($"[[fault:{fault}]]");

        var body = await response.Content.ReadAsStringAsync();
        ((int)response.StatusCode).Should().Be(status, body);
        var error = (await response.Content.ReadFromJsonAsync<System.Text.Json.JsonElement>()).GetProperty("error");
        error.GetProperty("code").GetString().Should().Be(code);
        response.Headers.WwwAuthenticate.Count.Should().Be(status == 403 ? 1 : 0);
        HoldsNothingOf(connected.Key, response.Headers + body);
        body.Should().NotContain("org-sandbox", "whose account it is, is no app's business");
        (await connected.UsageAsync())[0].Status.Should().Be(status);
    }

    [Theory]
    [InlineData("unauthorized", true)]
    [InlineData("unauthorized_full", true)]
    [InlineData("forbidden_scopes", false)]
    [InlineData("rate_limited", false)]
    public async Task Mark_the_key_where_the_provider_does_not_know_it(string fault, bool isMarked)
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.ChatAsync($"[[fault:{fault}]]");
        await connected.UsageAsync();

        var expected = isMarked ? KeyStatus.Refused : KeyStatus.Working;
        var status = await Eventually.IsAsync(
            () => Broker.WithDatabaseAsync(async db =>
            {
                var grant = await db.Grants.AsNoTracking().SingleAsync(g => g.Id == connected.GrantId);
                return (await db.UpstreamKeys.AsNoTracking().SingleAsync(k => k.Id == grant.UpstreamKeyId)).Status;
            }),
            status => status == expected);

        status.Should().Be(expected);
    }

    [Theory]
    [InlineData("rate_limited")]
    [InlineData("unavailable")]
    public async Task That_pass_keep_the_time_to_wait(string fault)
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await connected.Api.ChatAsync($"[[fault:{fault}]]");

        response.Headers.RetryAfter!.Delta.Should().Be(TimeSpan.FromSeconds(2));
        response.Headers.GetValues("retry-after-ms").Should().Equal("2000");
    }

    [Fact]
    public async Task Of_the_edge_pass_as_they_are()
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await connected.Api.ChatAsync("[[fault:html_error]]");

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        response.Content.Headers.ContentType!.MediaType.Should().Be("text/html");
        (await response.Content.ReadAsStringAsync()).Should().Contain("502 Bad Gateway");
        response.Headers.GetValues("Content-Security-Policy").Should().ContainSingle().Which.Should().Contain("sandbox", "a page of somebody else's is nobody's page here");
        response.Headers.GetValues("X-Content-Type-Options").Should().Equal("nosniff");
    }

    [Fact]
    [Trait("Checklist", "23")]
    public async Task Of_a_redirect_are_not_followed()
    {
        using var connected = await Connected.AsAsync(Broker);
        await using var elsewhere = new RawUpstream();
        Broker.Faults.Next(new Fault(FaultKind.Redirect) { Location = new Uri(elsewhere.BaseUrl + "/collect") }, path: "/v1/moderations");

        using var response = await connected.Api.PostAsync("/moderations", new { input = "Hello" });

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        response.Headers.Location.Should().BeNull();
        elsewhere.Heads.Should().BeEmpty();
    }

    [Fact]
    public async Task Of_malformed_JSON_pass_and_are_charged_an_estimate()
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await connected.Api.ChatAsync("[[fault:malformed_json]]");

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await connected.UsageAsync())[0].Estimated.Should().BeTrue();
    }

    [Fact]
    [Trait("Checklist", "22")]
    public async Task In_an_error_body_are_scrubbed_of_the_key()
    {
        await using var upstream = new RawUpstream();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        var pad = new string('x', (64 * 1024) - 30);
        foreach (var body in (string[])[$"{{\"error\":\"{connected.Key}\"}}", $"{pad}{connected.Key}{pad}", $"Incorrect key {connected.Key[..8]}***{connected.Key[^4..]}"])
        {
            upstream.Script = _ => [$"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n", body];

            using var response = await connected.Api.ChatAsync();

            response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            HoldsNothingOf(connected.Key, await response.Content.ReadAsStringAsync());
        }
    }

    [Fact]
    [Trait("Checklist", "22")]
    public async Task In_an_error_body_too_long_to_pass_leave_no_half_of_a_key()
    {
        await using var upstream = new RawUpstream();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl, ["Upstreams:openai:KeyPrefix"] = "" });
        using var connected = await Connected.AsAsync(broker, key: "gw_" + Convert.ToHexStringLower(Guid.NewGuid().ToByteArray()));
        var body = new string('x', (64 * 1024) - 30) + connected.Key + new string('x', 1_000);
        upstream.Script = _ => [$"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n", body];

        using var response = await connected.Api.ChatAsync();

        HoldsNothingOf(connected.Key, await response.Content.ReadAsStringAsync());
    }

    [Theory]
    [Trait("Checklist", "22")]
    [InlineData("echo_key")]
    [InlineData("echo_key_split")]
    public async Task That_echo_the_key_cut_the_stream(string fault)
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await connected.Api.OpenStreamAsync($"[[fault:{fault}]] Hello");
        var (text, isBroken) = await ReadToBreakAsync(response);

        isBroken.Should().BeTrue("a cut answer must not look whole");
        text.Should().Contain("event: error").And.Contain("upstream_unavailable");
        HoldsNothingOf(connected.Key, text);
    }

    [Theory]
    [Trait("Checklist", "22")]
    [InlineData("/chat/completions", "{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":\"[[fault:echo_key_split]]\"}]}")]
    [InlineData("/embeddings", "{\"model\":\"text-embedding-3-small\",\"input\":\"[[fault:echo_key_split]]\"}")]
    public async Task That_echo_the_key_break_a_whole_answer(string path, string body)
    {
        using var connected = await Connected.AsAsync(Broker);

        await BreaksAsync(connected, path, body);
    }

    [Fact]
    [Trait("Checklist", "22")]
    public async Task That_echo_the_key_break_sound_as_well()
    {
        await using var upstream = new RawUpstream();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = upstream.BaseUrl });
        using var connected = await Connected.AsAsync(broker);
        upstream.Script = _ =>
        [
            $"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nConnection: close\r\n\r\nsound {connected.Key[..20]}",
            connected.Key[20..] + " sound",
        ];

        await BreaksAsync(connected, "/audio/speech", "{\"model\":\"tts-1\",\"input\":\"Hello\",\"voice\":\"alloy\"}");
    }

    [Fact]
    [Trait("Checklist", "25")]
    public async Task Of_silence_end_in_a_timeout()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:IdleTimeout"] = "00:00:00.4" });
        using var connected = await Connected.AsAsync(broker);

        using var response = await connected.Api.ChatAsync("[[fault:stall]]");

        response.StatusCode.Should().Be(HttpStatusCode.GatewayTimeout);
        (await Api.ErrorAsync(response)).Code.Should().Be("upstream_timeout");
        (await connected.ReceivedAsync("/chat/completions")).Should().NotBeNull();
        await broker.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
        var usage = (await connected.UsageAsync())[0];
        (usage.Status, usage.Estimated).Should().Be((504, true), "the provider had the call, and may charge for it");
        usage.CostMicros.Should().BePositive();
    }

    [Theory]
    [Trait("Checklist", "25")]
    [InlineData("stall_mid_stream", "upstream_timeout")]
    [InlineData("drop", "upstream_unavailable")]
    public async Task In_mid_stream_end_it_with_an_error_and_a_broken_connection(string fault, string code)
    {
        // Where the provider hangs up, no clock of ours may be first.
        await using var broker = await BrokerHost.StartAsync(fault == "drop" ? [] : new() { ["Upstreams:openai:IdleTimeout"] = "00:00:02" });
        using var connected = await Connected.AsAsync(broker);
        foreach (var path in (string[])["/chat/completions", "/responses"])
        {
            var text = $"[[fault:{fault}]] [[after:5]] [[events:50]]";
            using var response = await connected.Api.SendAsync(
                HttpMethod.Post,
                path,
                JsonContent.Create(path == "/responses"
                    ? new { model = "gpt-4o-mini", stream = true, input = text }
                    : (object)new { model = "gpt-4o-mini", stream = true, messages = new[] { new { role = "user", content = text } } }),
                HttpCompletionOption.ResponseHeadersRead);
            var (read, isBroken) = await ReadToBreakAsync(response);

            isBroken.Should().BeTrue("a cut answer must not look whole");
            read.TrimEnd().Should().Match($"*event: error\ndata: *\"{code}\"*");
        }

        (await connected.UsageAsync(2)).Should().OnlyContain(usage => usage.Estimated && usage.CostMicros > 0);
    }

    [Fact]
    [Trait("Checklist", "25")]
    public async Task Slower_than_the_timeout_between_events_are_none_while_each_is_in_time()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:IdleTimeout"] = "00:00:04" });
        using var connected = await Connected.AsAsync(broker);

        using var response = await connected.Api.OpenStreamAsync("[[events:8]] [[delay:600]]");

        (await response.Content.ReadAsStringAsync()).Should().EndWith("data: [DONE]\n\n");
    }

    [Fact]
    public async Task That_the_provider_reports_in_the_stream_pass()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.OpenStreamAsync("[[fault:stream_error]] Hello");

        (await response.Content.ReadAsStringAsync()).Should().Contain("The server had an error").And.NotContain("event: error");
        (await connected.UsageAsync())[0].Estimated.Should().BeTrue();
    }

    [Fact]
    public async Task That_end_a_stream_early_pass_and_are_charged_an_estimate()
    {
        using var connected = await Connected.AsAsync(Broker);
        using var response = await connected.Api.OpenStreamAsync("[[fault:end_early]] [[after:10]] [[events:50]]");

        (await response.Content.ReadAsStringAsync()).Should().NotContain("[DONE]").And.Contain("word9");
        var usage = (await connected.UsageAsync())[0];
        (usage.Estimated, usage.OutputTokens).Should().Be((true, 10));
    }

    [Fact]
    public async Task Of_a_provider_that_is_not_there_cost_nothing()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = "http://127.0.0.1:9/v1" });
        using var connected = await Connected.AsAsync(broker);

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        (await Api.ErrorAsync(response)).Code.Should().Be("upstream_unavailable");
        var usage = (await connected.UsageAsync())[0];
        (usage.CostMicros, usage.Estimated, usage.Status).Should().Be((0, false, 502));
    }

    private static async Task BreaksAsync(Connected connected, string path, string body)
    {
        using var response = await connected.Api.SendAsync(
            HttpMethod.Post, path, new StringContent(body, Encoding.UTF8, "application/json"), HttpCompletionOption.ResponseHeadersRead);
        var (text, isBroken) = await ReadToBreakAsync(response);

        (isBroken || response.StatusCode == HttpStatusCode.BadGateway).Should().BeTrue("a cut answer must not look whole");
        HoldsNothingOf(connected.Key, text);
    }

    internal static async Task<(string Text, bool IsBroken)> ReadToBreakAsync(HttpResponseMessage response)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        try
        {
            await using var stream = await response.Content.ReadAsStreamAsync();
            int length;
            while ((length = await stream.ReadAsync(buffer)) > 0)
            {
                text.Append(Encoding.UTF8.GetString(buffer, 0, length));
            }

            return (text.ToString(), false);
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException)
        {
            return (text.ToString(), true);
        }
    }

    /// <summary>Not the key, not its secret half, and not the ends that the provider likes to quote.</summary>
    private static void HoldsNothingOf(string key, string text)
    {
        text.Should().NotContain(key);
        text.Should().NotContain(key[..12]);
        text.Should().NotContain(key[^8..]);
    }
}
