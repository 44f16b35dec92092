using Microsoft.Playwright;
using TokenBroker.Tests.Chromium;

namespace TokenBroker.Tests;

public sealed class Doing_the_main_job_by_hand(Quickstart quickstart)
{
    [Fact]
    public async Task Connects_chats_sees_the_cost_and_ends_the_access()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        await visitor.ConnectChatAsync();

        (await visitor.AskAsync("What is a budget?")).Should().Contain("What is a budget?", "the sandbox repeats what it was asked");

        await visitor.OpenPortalAsync();
        var app = visitor.Page.Locator("li[data-app=WebChat]");

        // The list of models and the answer; usage is written a moment behind the calls.
        for (var tries = 0; tries < 50 && !(await app.InnerTextAsync()).Contains("2 calls", StringComparison.Ordinal); tries++)
        {
            await visitor.Page.ReloadAsync();
        }

        await Assertions.Expect(app).ToContainTextAsync("2 calls");
        await Assertions.Expect(app).ToContainTextAsync("last used just now");
        await Assertions.Expect(app).ToContainTextAsync("of $5.00 this month");
        await visitor.ExpectAccessibleAsync();

        await app.Locator("summary").ClickAsync();
        await visitor.Button("End access of WebChat").ClickAsync();
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("WebChat has no access any more");

        await visitor.OpenChatAsync();
        await Assertions.Expect(visitor.Page.Locator("body")).Not.ToHaveAttributeAsync("data-state", "ready");
    }

    [Fact]
    public async Task Stops_an_answer_that_is_streaming_when_access_ends()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        await visitor.ConnectChatAsync();
        await visitor.Page.GetByLabel("Message", new() { Exact = true }).FillAsync("Talk for long. [[events:4000]] [[delay:20]]");
        await visitor.Button("Send").ClickAsync();
        await Assertions.Expect(visitor.Page.Locator(".turn").Nth(1)).Not.ToBeEmptyAsync();

        var portal = await visitor.Page.Context.NewPageAsync();
        await portal.GotoAsync(visitor.Servers.BrokerUrl.AbsoluteUri);
        await portal.Locator("li[data-app=WebChat] summary").ClickAsync();
        await portal.GetByRole(AriaRole.Button, new() { Name = "End access of WebChat" }).ClickAsync();

        await Assertions.Expect(visitor.Page.Locator("#notice[data-state=revoked]")).ToBeVisibleAsync();
        await visitor.ExpectAccessibleAsync();
    }

    [Fact]
    public async Task Is_told_in_the_chat_that_access_is_paused()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        await visitor.ConnectChatAsync();
        await visitor.OpenPortalAsync();
        await visitor.Button("Pause WebChat").ClickAsync();
        await visitor.OpenChatAsync();

        await Assertions.Expect(visitor.Page.Locator("#notice[data-state=paused]")).ToBeVisibleAsync();
    }
}
