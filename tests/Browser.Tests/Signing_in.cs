using Microsoft.Playwright;
using TokenBroker.Tests.Chromium;

namespace TokenBroker.Tests;

public sealed class Signing_in(Quickstart quickstart)
{
    [Fact]
    public async Task Takes_no_more_than_the_passkey_made_at_sign_up()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        await visitor.OpenPortalAsync("/sign-up");
        await visitor.SignUpWithPasskeyAsync();
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = "Apps", Exact = true })).ToBeVisibleAsync();

        await visitor.Button("Sign out").ClickAsync();
        await visitor.OpenPortalAsync("/sign-in");

        // The field asks for passkeys by itself, and the authenticator says yes: nothing is typed or pressed.
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Heading, new() { Name = "Apps", Exact = true })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Works_with_a_password_and_a_passkey_added_later()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        await visitor.OpenPortalAsync("/sign-up");
        await visitor.Page.GetByLabel("E-mail address").FillAsync(visitor.Email);
        await visitor.Page.GetByLabel("Password", new() { Exact = true }).FillAsync("plum otter lantern 1947");
        await visitor.Button("Create account").ClickAsync();
        await visitor.OpenPortalAsync("/account");
        await visitor.Button("Add a passkey").ClickAsync();

        await Assertions.Expect(visitor.Page.GetByText("synced between your devices").Or(visitor.Page.GetByText("on one device"))).ToBeVisibleAsync();
        await visitor.ExpectAccessibleAsync();
    }
}
