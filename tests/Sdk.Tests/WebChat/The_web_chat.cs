using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.WebChat;

public sealed class The_web_chat(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Goes_the_whole_way_from_connect_to_disconnect()
    {
        await using var chat = await AppHost.StartWebChatAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var page = await person.PageAsync(chat.Address + "/");
        page.QuerySelector("form[action='/tokenbroker/connect']").Should().NotBeNull();
        (await ProblemAsync(chat, person)).State.Should().Be("connect");

        using (var start = await chat.PressAsync(person, "/tokenbroker/connect?returnUrl=/"))
        {
            using var end = await chat.OpenAsync(person, await chat.AnswerAsync(person, start.Headers.Location!));
            end.Headers.Location!.OriginalString.Should().Be("/");
        }

        (await ModelsAsync(chat, person)).EnumerateArray().Select(id => id.GetString()).Should().Contain("gpt-4o-mini").And.NotContain("whisper-1");
        var events = await AskAsync(chat, person, "Hello");
        events[^1].Type.Should().Be("done");
        string.Concat(events.Where(e => e.Type == "text").Select(e => e.Data.GetProperty("text").GetString())).Should().Be(Reply.To("Hello"));
        events.Count(e => e.Type == "text").Should().BeGreaterThan(1, "it streams");

        using (var disconnect = await chat.PressAsync(person, "/tokenbroker/disconnect"))
        {
            disconnect.Headers.Location!.OriginalString.Should().Be("/");
        }

        (await ProblemAsync(chat, person)).State.Should().Be("connect");
        var portal = await person.PageAsync("/");
        portal.QuerySelector("li[data-app='Sdk App']").Should().BeNull();
        portal.QuerySelector("section[aria-labelledby='ended']")!.TextContent.Should().Contain("Sdk App");
    }

    [Fact]
    public async Task Shows_what_the_user_can_do_about_a_refusal()
    {
        await using var chat = await AppHost.StartWebChatAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        await chat.ConnectAsync(person, answer: new() { ["Form.Budget"] = "0.01" });

        var budget = Problem(await AskAsync(chat, person, "Hello", "o1-pro"));
        budget.State.Should().Be("budget");
        budget.PortalUrl.Should().StartWith(Broker.Address);

        await person.PressAsync("Sdk App", "Pause");
        Problem(await AskAsync(chat, person, "Hello")).State.Should().Be("paused");
        (await ProblemAsync(chat, person)).State.Should().Be("paused");
        await person.PressAsync("Sdk App", "Pause");

        Problem(await AskAsync(chat, person, "[[fault:server_error]]")).State.Should().Be("error");

        await person.PressAsync("Sdk App", "Revoke");
        Problem(await AskAsync(chat, person, "Hello")).State.Should().Be("revoked");
        (await ProblemAsync(chat, person)).State.Should().Be("connect");
    }

    [Fact]
    public async Task Says_that_an_answer_was_cut_short()
    {
        await using var chat = await AppHost.StartWebChatAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        await chat.ConnectAsync(person);

        var events = await AskAsync(chat, person, "[[events:50]] [[fault:drop]]");

        events.Should().Contain(e => e.Type == "text");
        Problem(events).State.Should().Be("interrupted");
    }

    [Fact]
    public async Task Still_chats_where_the_user_does_not_let_it_list_models()
    {
        await using var chat = await AppHost.StartWebChatAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        await chat.ConnectAsync(person, answer: new() { ["Form.Scopes"] = "openai:chat" });

        (await ModelsAsync(chat, person)).EnumerateArray().Select(id => id.GetString()).Should().Equal("gpt-4o-mini");
        (await AskAsync(chat, person, "Hello"))[^1].Type.Should().Be("done");
    }

    [Theory]
    [InlineData("""{"model":"","turns":[{"fromUser":true,"text":"Hello"}]}""")]
    [InlineData("""{"model":"gpt-4o-mini","turns":[]}""")]
    [InlineData("""{"model":"gpt-4o-mini"}""")]
    [InlineData("""{"model":"gpt-4o-mini","turns":[null]}""")]
    [InlineData("""{"model":"gpt-4o-mini","turns":[{"fromUser":true}]}""")]
    [InlineData("""{"turns":7}""")]
    [InlineData("null")]
    [InlineData("nonsense")]
    public async Task Refuses_a_request_that_its_page_would_not_send(string body)
    {
        await using var chat = await AppHost.StartWebChatAsync(Broker);
        using var person = new Person(Broker);

        using var response = await chat.SendAsync(person, HttpMethod.Post, "/api/chat", change: request =>
            request.Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json"));

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task Sends_its_page_with_a_strict_policy_and_nothing_from_elsewhere()
    {
        await using var chat = await AppHost.StartWebChatAsync(Broker);
        using var person = new Person(Broker);

        using var response = await person.GetAsync(chat.Address + "/");

        var policy = response.Headers.GetValues("Content-Security-Policy").Single();
        policy.Should().Contain("default-src 'none'").And.Contain("require-trusted-types-for 'script'").And.Contain($"form-action 'self' {Broker.Address}");
        Regex.Matches(await response.Content.ReadAsStringAsync(), "(?:src|href|action)=\"([^\"]*)\"").Select(match => match.Groups[1].Value)
            .Should().NotBeEmpty().And.AllSatisfy(url => url.Should().StartWith("/"));
    }

    private static async Task<List<(string Type, JsonElement Data)>> AskAsync(AppHost chat, Person person, string text, string model = "gpt-4o-mini")
    {
        using var response = await chat.SendAsync(person, HttpMethod.Post, "/api/chat", change: request =>
            request.Content = JsonContent.Create(new { model, turns = new[] { new { fromUser = true, text } } }));
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return Regex.Matches(await response.Content.ReadAsStringAsync(), "event: (.*)\ndata: (.*)\n")
            .Select(match => (match.Groups[1].Value, JsonDocument.Parse(match.Groups[2].Value).RootElement))
            .ToList();
    }

    private static async Task<JsonElement> ModelsAsync(AppHost chat, Person person)
    {
        using var response = await chat.SendAsync(person, HttpMethod.Get, "/api/models");
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private static async Task<(string State, string? PortalUrl)> ProblemAsync(AppHost chat, Person person) =>
        Read((await ModelsAsync(chat, person)).GetProperty("problem"));

    private static (string State, string? PortalUrl) Problem(List<(string Type, JsonElement Data)> events)
    {
        events[^1].Type.Should().Be("problem");
        return Read(events[^1].Data);
    }

    private static (string State, string? PortalUrl) Read(JsonElement problem) =>
        (problem.GetProperty("state").GetString()!, problem.GetProperty("portalUrl").GetString());
}
