using System.Collections.Concurrent;
using System.Net;
using Microsoft.Playwright;
using TokenBroker.Tests.Chromium;

namespace TokenBroker.Tests;

/// <summary>What a browser really sends when a person types a key. Every request is recorded, and searched for the key.</summary>
public sealed class Adding_a_key_by_hand(Quickstart quickstart)
{
    [Fact]
    public async Task Sends_it_sealed_and_nothing_else_of_it()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        var posts = Record(visitor.Page);
        await SignUpAsync(visitor);
        var key = quickstart.Servers.SandboxKey;

        await visitor.OpenPortalAsync("/keys");
        await visitor.Page.GetByLabel("API key").FillAsync($"  {key} ");
        await visitor.Button("Add key").ClickAsync();

        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("Stored. OpenAI accepts the key.");
        await Assertions.Expect(visitor.Page.Locator("li .mono")).ToContainTextAsync(key[^4..]);
        Sealed(posts, "/keys", key);

        await visitor.Page.Locator("a.row-title").ClickAsync();
        await visitor.ExpectAccessibleAsync();
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Replace" }).ClickAsync();
        await visitor.ExpectAccessibleAsync();
        await visitor.Page.GetByLabel("New API key").FillAsync(key);
        await visitor.Page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("Replaced.");
        Sealed(posts, "/replace", key);
    }

    [Fact]
    public async Task Sends_it_sealed_at_consent()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        var posts = Record(visitor.Page);

        await visitor.ConnectChatAsync();

        Sealed(posts, "/connect/authorize", quickstart.Servers.SandboxKey);
        posts.Single(post => post.Body.Contains("Form.Decision", StringComparison.Ordinal)).Body.Should().Contain("Form.Decision=approve", "the button that was pressed is told");
    }

    [Fact]
    public async Task Sends_no_key_when_the_app_is_denied()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        var posts = Record(visitor.Page);
        await visitor.OpenChatAsync();
        await visitor.Button("Connect your AI account").ClickAsync();
        await visitor.Page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await visitor.SignUpWithPasskeyAsync();
        await visitor.Page.GetByLabel("Your OpenAI API key").FillAsync(quickstart.Servers.SandboxKey);

        await visitor.Button("Deny").ClickAsync();
        await visitor.Page.WaitForURLAsync(url => new Uri(url).Port == quickstart.Servers.ChatUrl.Port);

        var post = posts.Single(p => p.Body.Contains("Form.Decision", StringComparison.Ordinal));
        post.Body.Should().Contain("Form.Decision=deny").And.NotContain("hpke1").And.NotContain(quickstart.Servers.SandboxKey);
    }

    [Fact]
    public async Task Stores_one_key_when_the_button_is_pressed_many_times()
    {
        await using var visitor = await quickstart.NewVisitorAsync();
        await SignUpAsync(visitor);
        await visitor.OpenPortalAsync("/keys");
        await visitor.Page.GetByLabel("API key").FillAsync(quickstart.Servers.SandboxKey);

        await visitor.Page.EvaluateAsync("() => { const b = document.querySelector('form:has(#NewKey) button'); b.click(); b.click(); setTimeout(() => b.click(), 5); setTimeout(() => b.click(), 20); }");

        await Assertions.Expect(visitor.Page.GetByRole(AriaRole.Status)).ToContainTextAsync("Stored.");
        await Assertions.Expect(visitor.Page.Locator("ul[aria-label='Your keys'] > li")).ToHaveCountAsync(1);
    }

    [Fact]
    public async Task Says_that_scripts_are_needed_and_sends_no_key_without_them()
    {
        await using var visitor = await quickstart.NewVisitorAsync(scripts: false);
        var posts = Record(visitor.Page);
        await visitor.OpenPortalAsync("/sign-up");
        await visitor.Page.GetByLabel("E-mail address").FillAsync(visitor.Email);
        await visitor.Page.Locator("input[name=Password]").FillAsync("plum otter lantern 1947");
        await visitor.Page.Locator("form:has(input[name=Password]) button[type=submit]").First.ClickAsync();

        await visitor.OpenPortalAsync("/keys");
        await Assertions.Expect(visitor.Page.GetByText("Scripts are off in this browser")).ToBeVisibleAsync();
        await visitor.Page.GetByLabel("API key").FillAsync(quickstart.Servers.SandboxKey);
        await visitor.Button("Add key").ClickAsync();

        await Assertions.Expect(visitor.Page.GetByText("The key was not sealed by your browser")).ToBeVisibleAsync();
        posts.Should().Contain(post => post.Url.EndsWith("/keys", StringComparison.Ordinal));
        posts.Should().NotContain(post => post.Body.Contains(quickstart.Servers.SandboxKey, StringComparison.Ordinal));
    }

    private static async Task SignUpAsync(Visitor visitor)
    {
        await visitor.OpenPortalAsync("/sign-up");
        await visitor.SignUpWithPasskeyAsync();
        await visitor.Page.WaitForURLAsync(url => !url.Contains("sign-up", StringComparison.Ordinal));
    }

    /// <summary>Every request with its address, headers and body, decoded. A page goes on loading while a test looks at them.</summary>
    private static ConcurrentQueue<(string Url, string Body)> Record(IPage page)
    {
        var posts = new ConcurrentQueue<(string, string)>();
        page.Request += (_, request) =>
        {
            var body = request.PostDataBuffer is { } bytes ? System.Text.Encoding.UTF8.GetString(bytes) : "";
            posts.Enqueue((request.Url, body + "\n" + WebUtility.UrlDecode(body) + "\n" + WebUtility.UrlDecode(request.Url) + "\n" + string.Join('\n', request.Headers.Values)));
        };
        return posts;
    }

    private static void Sealed(ConcurrentQueue<(string Url, string Body)> posts, string path, string key)
    {
        posts.Should().Contain(post => post.Url.Contains(path, StringComparison.Ordinal) && post.Body.Contains("NewKey=hpke1.", StringComparison.Ordinal));
        foreach (var needle in (string[])[key, key[3..], Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(key))[..16]])
        {
            posts.Should().NotContain(post => post.Body.Contains(needle, StringComparison.Ordinal), "only the sealed key may leave the page");
        }
    }
}
