using Microsoft.Playwright;
using TokenBroker.Tests.Chromium;

namespace TokenBroker.Tests;

public sealed class Every_page(Quickstart quickstart)
{
    [Theory]
    [InlineData(ColorScheme.Light, 1100)]
    [InlineData(ColorScheme.Dark, 1100)]
    [InlineData(ColorScheme.Light, 360)]
    [InlineData(ColorScheme.Dark, 360)]
    public async Task Can_be_used_by_everyone(ColorScheme scheme, int width)
    {
        await using var visitor = await quickstart.NewVisitorAsync(scheme, width);
        await LookAsync("/sign-in");
        await LookAsync("/sign-up");
        await visitor.OpenChatAsync();
        await visitor.ExpectAccessibleAsync();
        await visitor.ExpectNoSidewaysScrollAsync();

        await visitor.Button("Connect your AI account").ClickAsync();
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await visitor.SignUpWithPasskeyAsync();
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = "WebChat wants to use your OpenAI account" })).ToBeVisibleAsync();
        await visitor.Page.Locator("summary", new() { HasText = "Models" }).ClickAsync();
        await visitor.Page.Locator("summary", new() { HasText = "Pace" }).ClickAsync();
        await visitor.ExpectAccessibleAsync();
        await visitor.ExpectNoSidewaysScrollAsync();

        await LookAsync("/");
        await LookAsync("/keys");
        await LookAsync("/account");
        await LookAsync("/account/password");
        await visitor.ConnectAgainAsync();
        await visitor.ExpectAccessibleAsync();
        await visitor.AskAsync("Hello");
        await LookAsync("/");
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Change WebChat" }).ClickAsync();
        await LookHereAsync();
        await LookAtLimitsAsync("/limits");
        await LookAsync("/keys");
        await visitor.Page.Locator("summary", new() { HasText = "Delete" }).First.ClickAsync();
        await LookHereAsync();
        await visitor.Page.Locator("a.row-title").First.ClickAsync();
        await LookHereAsync();
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Replace" }).ClickAsync();
        await LookHereAsync();
        await LookAtReviewAsync();

        async Task LookAtReviewAsync()
        {
            await LookAsync("/developer");
            await LookAsync("/notices");
            await LookAsync("/developer/new");
            await visitor.Page.GetByLabel("Name", new() { Exact = true }).FillAsync("Weekly Digest");
            await visitor.Page.GetByLabel("Redirect URIs").FillAsync("https://digest.example/callback");
            await visitor.Page.Locator("input[name='Form.Scopes'][value='openai:chat']").CheckAsync();
            await LookHereAsync();
            await visitor.Button("Register").ClickAsync();
            await Assertions.Expect(visitor.Page.Locator("#client-secret")).ToBeVisibleAsync();
            await LookHereAsync();
            var app = "/developer/" + await visitor.Page.Locator("#client-id").TextContentAsync();
            await LookAsync(app + "/secret");
            await LookAsync(app + "/delete");
            await LookAtLimitsAsync(app + "/limits");
            await LookAsync(app);
            await visitor.Button("Submit for review").ClickAsync();
            await LookHereAsync();
            await LookAsync("/developer");
            await visitor.BecomeOperatorAsync();
            await LookAsync("/operator/reviews");
            await visitor.Page.Locator("a.row-title", new() { HasText = "Weekly Digest" }).First.ClickAsync();
            await LookHereAsync();
            await visitor.Page.GetByLabel("To the developer").FillAsync("Which digest?");
            await visitor.Button("Send back").ClickAsync();
            await LookHereAsync();
            await LookAsync("/operator/reviews?status=rejected");
            await LookAsync("/notices");
            await LookAsync("/account");
            await visitor.Page.Locator("summary", new() { HasText = "Make a token" }).ClickAsync();
            await visitor.Page.Locator("#token-name").FillAsync("Deploy script");
            await visitor.Button("Make the token").ClickAsync();
            await Assertions.Expect(visitor.Page.Locator("#api-token")).ToBeVisibleAsync();
            await LookHereAsync();
        }

        async Task LookAtLimitsAsync(string path)
        {
            await visitor.OpenPortalAsync(path);
            await visitor.Page.GetByLabel("A month").FillAsync("20");
            await visitor.Button("Save").ClickAsync();
            await LookAsync(path);
            await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Meter)).ToHaveCountAsync(1);
        }

        async Task LookHereAsync()
        {
            await visitor.ExpectAccessibleAsync();
            await visitor.ExpectNoSidewaysScrollAsync();
        }

        async Task LookAsync(string path)
        {
            await visitor.OpenPortalAsync(path);
            await LookHereAsync();
        }
    }
}
