using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TokenBroker.Samples.Quickstart;
using TokenBroker.Tests.Clients;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Chromium;

/// <summary>
/// The origin of a single-page app that is built on <c>oidc-client-ts</c> as npm has it: static files under a strict
/// policy, and the broker's address. Its tokens live in the visitor's browser alone.
/// </summary>
internal sealed class SinglePageApp : IAsyncDisposable
{
    private const string Package = "oidc-client-ts";
    private static readonly string[] s_scopes = ["openid", "offline_access", "openai:models", "openai:chat"];
    private readonly WebApplication _server;

    private SinglePageApp(WebApplication server, Uri address) => (_server, Address) = (server, address);

    public Uri Address { get; }

    /// <summary>Where the page finds the broker, which starts later than it.</summary>
    public Uri? Broker { get; set; }

    /// <summary>The page at <c>/</c>, and the one at <c>/bound</c>.</summary>
    public IReadOnlyList<QuickstartApp> Apps =>
    [
        new("notebook", null, "Notebook", new Uri(Address, "/callback"), s_scopes),
        new("bound-notebook", null, "Bound Notebook", new Uri(Address, "/bound/callback"), s_scopes),
    ];

    public static async Task<SinglePageApp> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var address = new Uri($"http://localhost:{Ports.Next()}");
        var server = builder.Build();
        server.Urls.Add(address.GetLeftPart(UriPartial.Authority));
        var app = new SinglePageApp(server, address);
        app.Map(await NodeProgram.InstalledAsync(Package));
        await server.StartAsync();
        return app;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private void Map(string folder)
    {
        _server.Use((context, next) =>
        {
            context.Response.Headers.ContentSecurityPolicy =
                $"default-src 'none'; script-src 'self'; img-src data:; connect-src 'self' {Origin(Broker!)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'";
            return next(context);
        });
        foreach (var path in (string[])["/", "/callback", "/bound", "/bound/callback"])
        {
            _server.MapGet(path, () => Results.File(Path.Combine(folder, "index.html"), "text/html"));
        }

        _server.MapGet("/app.js", () => Results.File(Path.Combine(folder, "app.js"), "text/javascript"));
        _server.MapGet("/oidc-client-ts.min.js", () => Results.File(
            Path.Combine(folder, "node_modules", Package, "dist", "browser", "oidc-client-ts.min.js"), "text/javascript"));
        _server.MapGet("/settings.json", () => Results.Json(new { broker = Origin(Broker!) }));
    }

    private static string Origin(Uri address) => address.GetLeftPart(UriPartial.Authority);
}
