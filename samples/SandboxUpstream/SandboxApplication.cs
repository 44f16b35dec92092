using System.Reflection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using TokenBroker.Samples.SandboxUpstream.Control;
using TokenBroker.Samples.SandboxUpstream.Objects;
using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>
/// A stand-in for an OpenAI-compatible provider that needs no network. It answers deterministically,
/// refuses what the provider refuses, fails on demand (<see cref="Faults"/>) and keeps a
/// <see cref="Journal"/> of exactly what it received.
/// </summary>
public static class SandboxApplication
{
    internal const string DefaultUrl = "http://127.0.0.1:5090";

    internal const string Usage = $"""
        An OpenAI-compatible provider that needs no network.

        Usage: dotnet run --project samples/SandboxUpstream -- [options]

          --urls <urls>                  where to listen (default {DefaultUrl})
          --Sandbox:EventDelay <time>    pause between stream events, e.g. 00:00:00.015 (default none)
          --Sandbox:JournalCapacity <n>  exchanges that the journal keeps (default 10000)

        Any key that starts with sk- and has 20 characters or more is accepted. A key that contains
        -revoked-, -restricted- or -quota- behaves so. Use invented keys only.

          GET, DELETE        /_sandbox/journal   what was received (?reveal=true shows whole keys)
          GET, POST, DELETE  /_sandbox/faults    what goes wrong next
        """;

    /// <summary>
    /// Builds the application; the caller runs it. It reads no settings file and no environment variable,
    /// so that it behaves the same inside any host; <paramref name="customise"/> has the last word.
    /// </summary>
    public static WebApplication Create(string[] args, Action<WebApplicationBuilder>? customise = null)
    {
        // The empty builder, because the full one would load the appsettings.json of whatever program hosts this.
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions
        {
            ApplicationName = Assembly.GetExecutingAssembly().GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Configuration.AddCommandLine(args);
        builder.WebHost.UseKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            // The journal bounds what it keeps; a slow or stalled client is a case under test, not a nuisance.
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Limits.MinResponseDataRate = null;
        });
        if (string.IsNullOrEmpty(builder.Configuration["urls"]))
        {
            builder.WebHost.UseUrls(DefaultUrl);
        }

        builder.Logging.AddSimpleConsole(console => console.SingleLine = true);
        builder.Logging.SetMinimumLevel(LogLevel.Warning).AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Information);
        builder.Services.AddRoutingCore();
        builder.Services.AddOptions<SandboxOptions>()
            .BindConfiguration("Sandbox")
            .Validate(o => o.EventDelay >= TimeSpan.Zero, "Sandbox:EventDelay must not be negative; use e.g. 00:00:00.015.")
            .Validate(o => o.JournalCapacity > 0, "Sandbox:JournalCapacity must be at least 1.")
            .ValidateOnStart();
        builder.Services.AddSingleton<Journal>();
        builder.Services.AddSingleton<Faults>();
        builder.Services.AddSingleton<Keys>();
        builder.Services.AddSingleton<Shelves>();
        customise?.Invoke(builder);
        builder.Services.TryAddSingleton(TimeProvider.System);

        var app = builder.Build();
        app.UseMiddleware<Recorder>();
        app.UseWebSockets();
        app.UseRouting();
        app.UseMiddleware<Admission>();
        app.MapProvider();
        app.MapJournal();
        app.MapFaults();
        return app;
    }

    extension(WebApplication app)
    {
        /// <summary>What this sandbox received.</summary>
        public Journal Journal => app.Services.GetRequiredService<Journal>();

        /// <summary>What goes wrong next.</summary>
        public Faults Faults => app.Services.GetRequiredService<Faults>();

        /// <summary>How single keys behave.</summary>
        public Keys Keys => app.Services.GetRequiredService<Keys>();

        /// <summary>What the provider keeps for each account.</summary>
        public Shelves Shelves => app.Services.GetRequiredService<Shelves>();

        /// <summary>The settings; they may be changed while it runs.</summary>
        public SandboxOptions Settings => app.Services.GetRequiredService<IOptions<SandboxOptions>>().Value;
    }
}
