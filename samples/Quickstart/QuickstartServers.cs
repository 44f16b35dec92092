using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Samples.WebChat;

namespace TokenBroker.Samples.Quickstart;

/// <summary>
/// The sandbox provider, the broker and WebChat in one process on loopback, joined by their public addresses alone:
/// each is the program that also runs by itself.
/// </summary>
public sealed class QuickstartServers : IAsyncDisposable
{
    private const string ChatClientId = "webchat";
    private const int MostTries = 5;
    private readonly QuickstartData _data;
    private readonly Ports _ports;
    private readonly Stack<WebApplication> _running = new();

    private QuickstartServers(QuickstartData data, Ports ports, Uri? upstream)
    {
        _data = data;
        _ports = ports;
        Upstream = upstream;
    }

    /// <summary>The portal and the OAuth issuer.</summary>
    public Uri BrokerUrl => _ports.BrokerUrl;

    public Uri ChatUrl => _ports.ChatUrl;

    /// <summary>Null where another provider was given.</summary>
    public Uri? SandboxUrl => Upstream is null ? _ports.SandboxUrl : null;

    /// <summary>The provider that stands in the sandbox's place; null for the sandbox.</summary>
    public Uri? Upstream { get; }

    /// <summary>A key that the sandbox accepts.</summary>
    public string SandboxKey => _data.Secrets.SandboxKey;

    /// <summary>A key that the sandbox lets chat, but not list models.</summary>
    public string RestrictedSandboxKey => _data.Secrets.RestrictedSandboxKey;

    public string DataDirectory => _data.Directory;

    /// <summary>Said to the person where the usual ports could not be had.</summary>
    public string? PortNotice => _ports.Notice;

    /// <exception cref="IOException">A port or the data directory cannot be had; the message says what to do.</exception>
    public static async Task<QuickstartServers> StartAsync(QuickstartOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var data = QuickstartData.Open(options);
        try
        {
            return await StartAsync(options, data, cancellationToken);
        }
        catch
        {
            data.Dispose();
            throw;
        }
    }

    /// <summary>Stops the three, WebChat first; once is enough.</summary>
    public async Task StopAsync()
    {
        await StopServersAsync();
        _data.Dispose();
    }

    public async ValueTask DisposeAsync() => await StopAsync();

    private static async Task<QuickstartServers> StartAsync(QuickstartOptions options, QuickstartData data, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var servers = new QuickstartServers(data, Ports.Choose(options), options.Upstream);
            try
            {
                await servers.StartServersAsync(options, cancellationToken);
                return servers;
            }
            catch (IOException exception) when (exception.InnerException is AddressInUseException && attempt < MostTries)
            {
                // Somebody took a port between the choice and the listening: choose again.
                await servers.StopServersAsync();
            }
            catch
            {
                await servers.StopServersAsync();
                throw;
            }
        }
    }

    private async Task StartServersAsync(QuickstartOptions options, CancellationToken cancellationToken)
    {
        if (Upstream is null)
        {
            string[] sandbox = [$"--urls={Plain(_ports.SandboxUrl)}", $"--Sandbox:EventDelay={options.EventDelay:c}"];
            await StartAsync(SandboxApplication.Create(sandbox, Quieten), cancellationToken);
        }

        await StartAsync(BrokerApplication.Create([.. BrokerArguments(options)], Quieten), cancellationToken);
        await StartAsync(WebChatApplication.Create(ChatArguments(), KeepChatKeys), cancellationToken);
    }

    private async Task StartAsync(WebApplication server, CancellationToken cancellationToken)
    {
        _running.Push(server);
        await server.StartAsync(cancellationToken);
    }

    private async Task StopServersAsync()
    {
        while (_running.TryPop(out var server))
        {
            await server.StopAsync();
            await server.DisposeAsync();
        }
    }

    private IEnumerable<string> BrokerArguments(QuickstartOptions options)
    {
        QuickstartApp[] apps =
        [
            new(ChatClientId, _data.Secrets.ChatSecret, "WebChat", new Uri(ChatUrl, "/tokenbroker/callback"), ["openai:chat", "openai:models"]),
            .. options.MoreApps,
        ];
        return
        [
            "--environment=Development",
            "--Logging:LogLevel:Default=Warning",
            $"--urls={Plain(BrokerUrl)}",
            $"--Broker:PublicUrl={Plain(BrokerUrl)}",
            $"--Storage:DataDirectory={_data.BrokerDirectory}",
            $"--Upstreams:openai:BaseUrl={Plain(Upstream ?? new Uri(_ports.SandboxUrl, "/v1"))}",
            .. apps.SelectMany(ArgumentsOf),
            $"--Apps:0:HomepageUrl={Plain(ChatUrl)}",
            .. options.BrokerArguments,
        ];
    }

    private static IEnumerable<string> ArgumentsOf(QuickstartApp app, int index)
    {
        yield return $"--Apps:{index}:ClientId={app.ClientId}";
        yield return $"--Apps:{index}:Name={app.Name}";
        yield return $"--Apps:{index}:RedirectUris:0={app.RedirectUri.OriginalString}";
        if (app.ClientSecret is not null)
        {
            yield return $"--Apps:{index}:ClientSecret={app.ClientSecret}";
        }

        foreach (var (number, scope) in app.Scopes.Index())
        {
            yield return $"--Apps:{index}:Scopes:{number}={scope}";
        }

        foreach (var (number, scope) in app.OptionalScopes.Index())
        {
            yield return $"--Apps:{index}:OptionalScopes:{number}={scope}";
        }
    }

    private string[] ChatArguments() =>
    [
        "--environment=Development",
        "--Logging:LogLevel:Default=Warning",
        "--Logging:LogLevel:Microsoft.AspNetCore=Warning",
        $"--urls={Plain(ChatUrl)}",
        $"--TokenBroker:Authority={Plain(BrokerUrl)}",
        $"--TokenBroker:ClientId={ChatClientId}",
        $"--TokenBroker:ClientSecret={_data.Secrets.ChatSecret}",
    ];

    private void KeepChatKeys(WebApplicationBuilder builder)
    {
        Quieten(builder);
        builder.Services.AddDataProtection().PersistKeysToFileSystem(new DirectoryInfo(_data.ChatDirectory));

        // They lie unsealed in a folder of their owner's: right for a sample on one machine, and no news at each start.
        builder.Logging.AddFilter("Microsoft.AspNetCore.DataProtection", LogLevel.Error);
    }

    private static void Quieten(WebApplicationBuilder builder)
    {
        builder.Logging.AddFilter("Microsoft.Hosting.Lifetime", LogLevel.Warning);
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(2));
    }

    private static string Plain(Uri url) => url.AbsoluteUri.TrimEnd('/');
}
