using Microsoft.Playwright;
using TokenBroker.Tests.Chromium;

namespace TokenBroker.Tests;

public sealed class Consenting(Quickstart quickstart)
{
    [Fact]
    public async Task Says_what_the_provider_found_wrong_with_a_key_and_lets_the_person_mend_it()
    {
        await using var visitor = await AtConsentAsync();
        await Assertions.Expect(visitor.Page.Locator("main")).ToContainTextAsync("an app on this computer. The app gives localhost:");
        await visitor.Page.GetByLabel("Your OpenAI API key").FillAsync("sk-sandbox-revoked-0123456789abcdef");
        await visitor.Button("Allow").ClickAsync();
        await Assertions.Expect(visitor.Page.GetByText("OpenAI does not know this key")).ToBeVisibleAsync();

        await visitor.Page.GetByLabel("Your OpenAI API key").FillAsync(visitor.Servers.RestrictedSandboxKey);
        await visitor.Button("Allow").ClickAsync();

        await visitor.Page.WaitForSelectorAsync("body[data-state=ready]");
    }

    [Fact]
    public async Task Narrows_the_models_the_budget_and_the_time()
    {
        await using var visitor = await AtConsentAsync();
        await visitor.Page.GetByLabel("Your OpenAI API key").FillAsync(visitor.Servers.SandboxKey);
        await visitor.Page.GetByLabel("At most", new() { Exact = true }).FillAsync("0.75");
        await visitor.Page.GetByLabel("Until").SelectOptionAsync("1");
        await visitor.Page.Locator("summary", new() { HasText = "Models" }).ClickAsync();
        await visitor.Page.GetByLabel("Only these").First.CheckAsync();
        await visitor.Page.GetByLabel("gpt-5-mini").CheckAsync();
        await visitor.Button("Allow").ClickAsync();
        await visitor.Page.WaitForSelectorAsync("body[data-state=ready]");

        await visitor.OpenPortalAsync();
        await visitor.Page.Locator("li[data-app=WebChat] summary").ClickAsync();
        var app = visitor.Page.Locator("li[data-app=WebChat]");
        await Assertions.Expect(app).ToContainTextAsync("$0.75 this month");
        await Assertions.Expect(app.Locator("dd").First).ToHaveTextAsync("gpt-5-mini");
    }

    [Fact]
    public async Task Grants_nothing_when_the_person_denies()
    {
        await using var visitor = await AtConsentAsync();
        await visitor.Button("Deny").ClickAsync();
        await visitor.Page.WaitForURLAsync(url => url.StartsWith(visitor.Servers.ChatUrl.AbsoluteUri, StringComparison.Ordinal));
        await visitor.Page.WaitForSelectorAsync("body[data-state=connect]");

        await visitor.OpenPortalAsync();
        await Assertions.Expect(visitor.Page.GetByText("No app has access")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Holds_the_allow_button_back_until_the_page_was_seen()
    {
        await using var visitor = await AtConsentAsync();

        // A click that was meant for another window must not approve: the button is dead at first, then alive.
        await Assertions.Expect(visitor.Button("Allow")).ToBeEnabledAsync();
        (await visitor.Button("Allow").GetAttributeAsync("data-guard")).Should().NotBeNull();
    }

    private async Task<Visitor> AtConsentAsync()
    {
        var visitor = await quickstart.NewVisitorAsync();
        await visitor.OpenChatAsync();
        await visitor.Button("Connect your AI account").ClickAsync();
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await visitor.SignUpWithPasskeyAsync();
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = "WebChat wants to use your OpenAI account" })).ToBeVisibleAsync();
        return visitor;
    }
}
