using System.Net;
using System.Text;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

public sealed class Moderating_calls(ModeratingBroker broker) : IClassFixture<ModeratingBroker>
{
    private const string Flagged = "[[flag:violence]]";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly string FlaggedPicture = "data:image/png;base64," + Convert.ToBase64String(Encoding.ASCII.GetBytes("pixels " + Flagged));

    [Fact]
    public async Task Sends_on_what_is_harmless_and_asks_with_the_calls_own_key()
    {
        using var connected = await Connected.AsAsync(broker.Host);

        using var response = await connected.Api.ChatAsync("A poem about rain");

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received.Select(e => e.Path).Should().Equal("/v1/moderations", "/v1/chat/completions");
        connected.Received[0].Json!["model"]!.ToString().Should().Be("omni-moderation-latest");
        connected.Received[0].Json!["input"]![0]!.ToString().Should().Be("A poem about rain");
        (await connected.UsageAsync())[0].Operation.Should().Be("chat.completions", "moderation spends nothing");
    }

    [Fact]
    public async Task Refuses_what_is_flagged_names_the_categories_and_never_the_text()
    {
        using var connected = await Connected.AsAsync(broker.Host);

        using var response = await connected.Api.ChatAsync("a-canary-of-content [[flag:hate]] [[flag:violence]]");

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        var (code, error) = await Api.ErrorAsync(response);
        code.Should().Be("content_flagged");
        error.GetProperty("message").GetString().Should().Contain("hate, violence").And.NotContain("canary");
        connected.Received.Select(e => e.Path).Should().Equal(["/v1/moderations"], "the model never sees it");
        var recorded = (await broker.Host.AuditAsync("content.flagged")).Single(e => e.Target == $"grant:{connected.GrantId}");
        recorded.Detail.Should().Contain("hate,violence").And.NotContain("canary");
        (await connected.StrikesAsync()).Should().ContainSingle().Which.Categories.Should().Be("hate,violence");
        broker.Host.Log.Lines.Should().NotContain(line => line.Contains("a-canary-of-content"));
    }

    public static TheoryData<string, string> Places { get; } = new()
    {
        { "/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"system","content":"FLAG"},{"role":"user","content":"Hi"}]}""" },
        { "/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"FLAG"},{"role":"user","content":"On"}]}""" },
        { "/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"text","text":"FLAG"}]}]}""" },
        { "/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"PICTURE"}}]}]}""" },
        { "/chat/completions", """{"model":"gpt-4o-mini","tools":[{"type":"function","function":{"name":"f","description":"FLAG"}}],"messages":[{"role":"user","content":"Hi"}]}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":"FLAG"}""" },
        { "/responses", """{"model":"gpt-4o-mini","instructions":"FLAG","input":"Hi"}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":[{"type":"message","role":"developer","content":[{"type":"input_text","text":"FLAG"}]}]}""" },
        { "/responses", """{"model":"gpt-4o-mini","input":[{"role":"user","content":[{"type":"input_image","image_url":"PICTURE"}]}]}""" },
        { "/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":["One","FLAG"]}""" },
        { "/chat/completions", """{"model":"gpt-4o-mini","tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"FLAG":{"type":"string"}}}}}],"messages":[{"role":"user","content":"Hi"}]}""" },
        { "/images/edits", """{"model":"gpt-image-1","prompt":"Bluer","images":[{"image_url":"PICTURE"}]}""" },
        { "/images/generations", """{"model":"gpt-image-1","prompt":"FLAG"}""" },
        { "/audio/speech", """{"model":"gpt-4o-mini-tts","voice":"alloy","input":"FLAG"}""" },
    };

    [Theory]
    [MemberData(nameof(Places))]
    public async Task Finds_it_wherever_it_stands(string path, string body)
    {
        using var connected = await Connected.AsAsync(broker.Host);
        var sent = body.Replace("FLAG", Flagged, StringComparison.Ordinal).Replace("PICTURE", FlaggedPicture, StringComparison.Ordinal);

        (await SafetySteps.CodeOfAsync(connected.Api.PostRawAsync(path, sent))).Should().Be("content_flagged");

        connected.Received.Should().NotBeEmpty().And.OnlyContain(e => e.Path == "/v1/moderations");
    }

    [Fact]
    public async Task Finds_it_on_the_border_of_two_pieces_and_behind_an_escape()
    {
        using var connected = await Connected.AsAsync(broker.Host);
        var text = new string('x', 3_995) + " " + Flagged + " " + new string('y', 5_000);

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync(text))).Should().Be("content_flagged");
        (await SafetySteps.CodeOfAsync(connected.Api.PostRawAsync(
            "/chat/completions", """{"model":"gpt-4o-mini","m\u0065ssages":[{"role":"user","cont\u0065nt":"[\u005bflag:violence]]"}]}"""))).Should().Be("content_flagged");
    }

    [Theory]
    [InlineData("/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"file","file":{"file_data":"data:application/pdf;base64,QQ==","filename":"a.pdf"}}]}]}""")]
    [InlineData("/chat/completions", """{"model":"gpt-4o-audio-preview","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{"data":"QQ==","format":"wav"}}]}]}""")]
    [InlineData("/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"not an address"}}]}]}""")]
    [InlineData("/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":[1,2,3]}""")]
    public async Task Refuses_what_it_cannot_look_at(string path, string body)
    {
        using var connected = await Connected.AsAsync(broker.Host);

        (await SafetySteps.CodeOfAsync(connected.Api.PostRawAsync(path, body))).Should().Be("content_unreadable");

        connected.Received.Should().NotContain(e => e.Path != "/v1/moderations");
    }

    [Fact]
    public async Task Refuses_more_than_it_asks_about_for_one_call()
    {
        using var connected = await Connected.AsAsync(broker.Host);
        var text = string.Concat(Enumerable.Range(0, 40_000).Select(i => $"{i,5} "));

        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync(text))).Should().Be("content_unreadable");

        connected.Received.Should().BeEmpty();
    }

    [Theory]
    [InlineData(FaultKind.ServerError)]
    [InlineData(FaultKind.RateLimited)]
    [InlineData(FaultKind.Unauthorized)]
    [InlineData(FaultKind.Redirect)]
    [InlineData(FaultKind.MalformedJson)]
    [InlineData(FaultKind.DropBefore)]
    public async Task Fails_closed_without_a_second_try(FaultKind fault)
    {
        using var connected = await Connected.AsAsync(broker.Host);
        broker.Host.Faults.Next(fault, path: "/v1/moderations");

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        response.Headers.RetryAfter.Should().NotBeNull();
        (await Api.ErrorAsync(response)).Code.Should().Be("moderation_unavailable");
        connected.Received.Select(e => e.Path).Should().Equal("/v1/moderations");
        (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync())).Should().BeEmpty("once it answers again, calls go on");
    }

    [Fact]
    public async Task Ends_when_the_grant_is_cut()
    {
        using var connected = await Connected.AsAsync(broker.Host);
        broker.Host.Faults.Next(FaultKind.Stall, path: "/v1/moderations");
        var call = connected.Api.ChatAsync();
        await connected.ReceivedAsync("/moderations");

        await connected.Person.PressAsync("Test App", "Revoke");

        (await SafetySteps.CodeOfAsync(call)).Should().Be("grant_revoked");
        await broker.Host.Journal.WaitForAsync(e => e.Key == connected.Key && e.Cancelled, Patience);
    }

    [Fact]
    public async Task Remembers_a_verdict_for_the_person_who_got_it()
    {
        using var one = await Connected.AsAsync(broker.Host);
        using var other = await Connected.AsAsync(broker.Host);

        foreach (var connected in (Connected[])[one, one, other])
        {
            (await SafetySteps.CodeOfAsync(connected.Api.ChatAsync("The same words"))).Should().BeEmpty();
        }

        one.Received.Select(e => e.Path).Should().Equal("/v1/moderations", "/v1/chat/completions", "/v1/chat/completions");
        other.Received.Select(e => e.Path).Should().Equal("/v1/moderations", "/v1/chat/completions");
    }
}
