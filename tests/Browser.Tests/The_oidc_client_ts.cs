using Microsoft.Playwright;
using TokenBroker.Tests.Chromium;

namespace TokenBroker.Tests;

/// <summary>
/// <c>oidc-client-ts</c> from npm in a page of another origin: code flow with PKCE, calls across origins, refresh and
/// revocation, all by the page itself. The page and its script are in <c>Clients/oidc-client-ts</c>.
/// </summary>
public sealed class The_oidc_client_ts(Quickstart quickstart)
{
    [Theory]
    [InlineData("/", "Notebook", "Bearer")]
    [InlineData("/bound", "Bound Notebook", "DPoP")]
    public async Task Connects_calls_refreshes_and_revokes_in_a_page(string path, string name, string tokenType)
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        if (tokenType == "DPoP")
        {
            // The browser writes a refused request to the console; a proof without a nonce is answered by one.
            visitor.Expects(400, "/connect/token");
            visitor.Expects(401, "/openai/v1/models");
        }

        await visitor.OpenAsync(quickstart.Page.Address, path);
        await ConnectAsync(visitor, name);

        await Assertions.Expect(Result(visitor)).ToContainTextAsync(tokenType + " ");
        await Assertions.Expect(Result(visitor)).ToContainTextAsync("openai:chat");
        await PressAsync(visitor, "List models", "200: ");
        await PressAsync(visitor, "Ask", "Hello from a page");
        await PressAsync(visitor, "Refresh", tokenType + " another token, same person");
        await PressAsync(visitor, "Ask", "Hello from a page");

        visitor.Expects(401, "/openai/v1/models");
        await PressAsync(visitor, "Disconnect", "401: grant_revoked");

        await visitor.OpenPortalAsync();
        await Assertions.Expect(visitor.Page.GetByText("No app has access")).ToBeVisibleAsync();
    }

    private static ILocator Result(Visitor visitor) => visitor.Page.Locator("#result");

    /// <summary>From the page to the broker, where a new person signs up and allows, and back.</summary>
    private static async Task ConnectAsync(Visitor visitor, string name)
    {
        await visitor.Page.WaitForSelectorAsync("body[data-state=disconnected]");
        await visitor.Button("Connect").ClickAsync();
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await visitor.SignUpWithPasskeyAsync();
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = name + " wants to use your OpenAI account" })).ToBeVisibleAsync();
        await visitor.Page.GetByLabel("Your OpenAI API key").FillAsync(visitor.Servers.SandboxKey);
        await visitor.Button("Allow").ClickAsync();
        await visitor.Page.WaitForSelectorAsync("body[data-state=connected], body[data-state=failed]");
    }

    private static async Task PressAsync(Visitor visitor, string button, string answer)
    {
        await visitor.Button(button).ClickAsync();
        await Assertions.Expect(Result(visitor)).ToContainTextAsync(answer, new() { Timeout = 15_000 });
    }
}
