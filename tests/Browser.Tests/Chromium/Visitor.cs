using System.Text.Json;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using TokenBroker.Samples.Quickstart;

namespace TokenBroker.Tests.Chromium;

/// <summary>
/// A person in front of the browser. It notes every console error, failed script and request to a foreign host, which
/// no test may end with: under a strict policy a blocked style or script shows only there.
/// </summary>
internal sealed class Visitor : IAsyncDisposable
{
    private readonly IBrowserContext _context;
    private readonly List<string> _complaints = [];
    private readonly List<(int Status, string Path)> _expected = [];

    public Visitor(QuickstartServers servers, IBrowserContext context, IPage page)
    {
        (Servers, _context, Page) = (servers, context, page);
        page.Console += (_, message) =>
        {
            if (message.Type is "error" or "warning" && !IsExpected(message))
            {
                _complaints.Add($"console: {message.Text} at {page.Url}");
            }
        };
        page.PageError += (_, error) => _complaints.Add($"script: {error} at {page.Url}");
        page.Request += (_, request) =>
        {
            if (new Uri(request.Url) is { Host: not "localhost", Scheme: not "data" } foreign)
            {
                _complaints.Add($"foreign request: {foreign.GetLeftPart(UriPartial.Authority)} from {page.Url}");
            }
        };
    }

    public QuickstartServers Servers { get; }

    public IPage Page { get; }

    public string Email { get; } = $"{Guid.NewGuid():N}@example.com";

    /// <summary>A refusal that belongs to the test: the browser itself writes every one to the console.</summary>
    public void Expects(int status, string path) => _expected.Add((status, path));

    public Task OpenAsync(Uri server, string path = "/") => Page.GotoAsync(new Uri(server, path).AbsoluteUri);

    public Task OpenPortalAsync(string path = "/") => OpenAsync(Servers.BrokerUrl, path);

    public Task OpenChatAsync() => OpenAsync(Servers.ChatUrl);

    public ILocator Button(string name) => Page.GetByRole(AriaRole.Button, new() { Name = name, Exact = true });

    /// <summary>Fills the sign-up page that is open and goes on with a passkey.</summary>
    public async Task SignUpWithPasskeyAsync()
    {
        await Page.GetByLabel("E-mail address").FillAsync(Email);
        await Button("Continue with a passkey").ClickAsync();
    }

    /// <summary>From WebChat's front page to a connected chat, with a new account and the sandbox's key.</summary>
    public async Task ConnectChatAsync()
    {
        await OpenChatAsync();
        await Button("Connect your AI account").ClickAsync();
        await Page.GetByRole(AriaRole.Link, new() { Name = "Create an account" }).ClickAsync();
        await SignUpWithPasskeyAsync();
        await Page.GetByLabel("Your OpenAI API key").FillAsync(Servers.SandboxKey);
        await Button("Allow").ClickAsync();
        await Page.WaitForSelectorAsync("body[data-state=ready]");
    }

    /// <summary>Connects WebChat for someone who is signed in and has not allowed it yet.</summary>
    public async Task ConnectAgainAsync()
    {
        await OpenChatAsync();
        await Button("Connect your AI account").ClickAsync();
        await Page.GetByLabel("Your OpenAI API key").FillAsync(Servers.SandboxKey);
        await Button("Allow").ClickAsync();
        await Page.WaitForSelectorAsync("body[data-state=ready]");
    }

    /// <summary>By the command line, as every operator is made: the program's own entry point, on the broker's data.</summary>
    public async Task BecomeOperatorAsync()
    {
        var main = typeof(BrokerApplication).Assembly.EntryPoint!;
        var code = await Task.Run(() => (int?)main.Invoke(null, [new[] { "operators", "add", Email, $"--Storage:DataDirectory={Path.Combine(Servers.DataDirectory, "broker")}" }]));
        code.Should().Be(0);
    }

    /// <summary>Asks in WebChat and waits until the answer is whole.</summary>
    public async Task<string> AskAsync(string text)
    {
        var turns = await Page.Locator(".turn").CountAsync();
        await Page.GetByLabel("Message", new() { Exact = true }).FillAsync(text);
        await Button("Send").ClickAsync();
        var answer = Page.Locator(".turn").Nth(turns + 1);
        await Assertions.Expect(answer).Not.ToHaveAttributeAsync("aria-busy", "true");
        return await answer.InnerTextAsync();
    }

    /// <summary>WCAG A and AA, by axe, on the page as it stands.</summary>
    public async Task ExpectAccessibleAsync()
    {
        var result = await Page.RunAxe();
        result.Violations
            .Select(violation => $"{violation.Id}: {violation.Help} ({string.Join("; ", violation.Nodes.Select(node => node.Html))})")
            .Should().BeEmpty("axe must find nothing at {0}", Page.Url);
    }

    /// <summary>Whether the page fits its window's width.</summary>
    public async Task ExpectNoSidewaysScrollAsync()
    {
        var (scroll, width) = (await WidthAsync("scrollWidth"), await WidthAsync("clientWidth"));
        scroll.Should().BeLessThanOrEqualTo(width, "{0} must fit a narrow screen", Page.Url);

        async Task<int> WidthAsync(string property) =>
            (await Page.Locator("html").EvaluateAsync<JsonElement>($"element => element.{property}")).GetInt32();
    }

    public async ValueTask DisposeAsync()
    {
        await _context.DisposeAsync();
        _complaints.Should().BeEmpty("no page may leave an error in the console or ask a foreign host");
    }

    private bool IsExpected(IConsoleMessage message) => _expected.Any(expected =>
        message.Text.StartsWith($"Failed to load resource: the server responded with a status of {expected.Status} ", StringComparison.Ordinal)
        && message.Location.Contains(expected.Path, StringComparison.Ordinal));

    /// <summary>A virtual authenticator, over the DevTools protocol: built in, with stored passkeys and a verified user.</summary>
    internal async Task AddAuthenticatorAsync()
    {
        var devTools = await _context.NewCDPSessionAsync(Page);
        await devTools.SendAsync("WebAuthn.enable");
        await devTools.SendAsync("WebAuthn.addVirtualAuthenticator", new Dictionary<string, object>
        {
            ["options"] = new Dictionary<string, object>
            {
                ["protocol"] = "ctap2",
                ["transport"] = "internal",
                ["hasResidentKey"] = true,
                ["hasUserVerification"] = true,
                ["isUserVerified"] = true,
                ["automaticPresenceSimulation"] = true,
            },
        });
    }
}
