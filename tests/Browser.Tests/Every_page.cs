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
        await visitor.Page.Locator("summary").ClickAsync();
        await visitor.ExpectAccessibleAsync();
        await visitor.ExpectNoSidewaysScrollAsync();

        await LookAsync("/");
        await LookAsync("/keys");
        await LookAsync("/account");
        await LookAsync("/account/password");
        await visitor.ConnectAgainAsync();
        await visitor.ExpectAccessibleAsync();
        await LookAsync("/");
        await LookAsync("/keys");

        async Task LookAsync(string path)
        {
            await visitor.OpenPortalAsync(path);
            await visitor.ExpectAccessibleAsync();
            await visitor.ExpectNoSidewaysScrollAsync();
        }
    }
}
