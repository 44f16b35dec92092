using Microsoft.Playwright;
using TokenBroker.Samples.Quickstart;
using TokenBroker.Tests.Chromium;

[assembly: AssemblyFixture(typeof(Quickstart))]

namespace TokenBroker.Tests.Chromium;

/// <summary>The quickstart as a person gets it, and a Chromium in front of it, for all tests.</summary>
public sealed class Quickstart : IAsyncLifetime
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private SinglePageApp? _page;

    public QuickstartServers Servers { get; private set; } = null!;

    /// <summary>A page of another origin that connects by itself.</summary>
    internal SinglePageApp Page => _page!;

    public async ValueTask InitializeAsync()
    {
        _page = await SinglePageApp.StartAsync();
        var path = await FindChromium.PathAsync();
        Servers = await QuickstartServers.StartAsync(new QuickstartOptions
        {
            Throwaway = true,
            MoreApps = _page.Apps,

            // WebChat is number 0, the page number 1, the bound page number 2.
            BrokerArguments = ["--Accounts:SignInAttemptsPerMinute=10000", "--Apps:2:DpopBoundAccessTokens=true"],
        });
        _page.Broker = Servers.BrokerUrl;
        Assertions.SetDefaultExpectTimeout((float)s_patience.TotalMilliseconds);
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new BrowserTypeLaunchOptions
        {
            ExecutablePath = path,
            ChromiumSandbox = false,
            Args = ["--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--no-first-run"],
        });
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
        {
            await _browser.DisposeAsync();
        }

        _playwright?.Dispose();
        if (Servers is not null)
        {
            await Servers.DisposeAsync();
        }

        if (_page is not null)
        {
            await _page.DisposeAsync();
        }
    }

    /// <summary>A fresh browser profile with a platform authenticator that says yes, as a fingerprint reader would.</summary>
    internal async Task<Visitor> NewVisitorAsync(ColorScheme scheme = ColorScheme.Light, int width = 1100, int height = 900, bool scripts = true)
    {
        var context = await _browser!.NewContextAsync(new BrowserNewContextOptions
        {
            ColorScheme = scheme,
            JavaScriptEnabled = scripts,
            ReducedMotion = ReducedMotion.Reduce,
            ViewportSize = new ViewportSize { Width = width, Height = height },
        });
        context.SetDefaultTimeout((float)s_patience.TotalMilliseconds);
        var visitor = new Visitor(Servers, context, await context.NewPageAsync());
        await visitor.AddAuthenticatorAsync();
        return visitor;
    }
}
