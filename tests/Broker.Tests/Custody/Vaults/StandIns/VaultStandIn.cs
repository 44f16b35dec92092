using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Vaults.StandIns;

/// <summary>A vault on a real Kestrel: it refuses what the real one refuses, notes what no client may do, and fails when told to.</summary>
public abstract class VaultStandIn : IAsyncDisposable
{
    private WebApplication? _app;

    public VaultFaults Faults { get; } = new();

    /// <summary>What a client did that the real vault would never see of a good one.</summary>
    public ConcurrentQueue<string> Violations { get; } = new();

    /// <summary>The requests, as <c>POST /path</c>, those that failed included.</summary>
    public ConcurrentQueue<string> Calls { get; } = new();

    /// <summary>The configuration of a broker that uses it.</summary>
    public abstract Dictionary<string, string> Settings { get; }

    protected Uri Listening => new(_app!.Urls.First());

    public int CallsOf(string end) => Calls.Count(call => call.EndsWith(end, StringComparison.Ordinal));

    /// <summary>Puts what reaches it into a broker's services; for <c>BrokerHost.StartAsync</c>.</summary>
    public void Connect(WebApplicationBuilder builder) => Connect(builder.Services);

    public abstract void Connect(IServiceCollection services);

    /// <summary>The vault as the broker would make it of <see cref="Settings"/>.</summary>
    internal IKeyVault Open(Action<VaultSettings>? change = null)
    {
        var configured = Settings.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value));
        var settings = new ConfigurationBuilder().AddInMemoryCollection(configured).Build().GetSection("Vault").Get<PreviousVault>()!;
        change?.Invoke(settings);
        var services = new ServiceCollection();
        Connect(services);
        return VaultFactory.Create(settings, services.BuildServiceProvider());
    }

    public async ValueTask DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }

        CleanUp();
        GC.SuppressFinalize(this);
    }

    protected async Task StartAsync(Action<ListenOptions> listen)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration().ConfigureKestrel(options => options.Listen(System.Net.IPAddress.Loopback, 0, listen));
        _app = builder.Build();
        _app.Run(ServeAsync);
        await _app.StartAsync();
    }

    /// <summary>Takes away what it left outside.</summary>
    protected virtual void CleanUp()
    {
    }

    /// <summary>Whether a request was meant for another host, which is noted before any fault can hide it.</summary>
    protected virtual bool IsForAnother(HttpRequest request) => false;

    /// <summary>Answers a request that no fault stopped.</summary>
    protected abstract Task AnswerAsync(HttpContext context);

    protected static Task JsonAsync(HttpContext context, int status, object body)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(body);
    }

    /// <summary>An error as this vault writes them.</summary>
    protected abstract Task RefuseAsync(HttpContext context, int status, string code, string message);

    private async Task ServeAsync(HttpContext context)
    {
        if (IsForAnother(context.Request))
        {
            await JsonAsync(context, 200, new { });
            return;
        }

        Calls.Enqueue($"{context.Request.Method} {context.Request.Path}");
        if (Faults.Slow > TimeSpan.Zero)
        {
            await Task.Delay(Faults.Slow, context.RequestAborted);
        }

        if (Faults.Down)
        {
            context.Abort();
        }
        else if (Faults.ThrottleSeconds is { } seconds)
        {
            context.Response.Headers.RetryAfter = seconds.ToString(provider: null);
            await RefuseAsync(context, 429, "Throttled", "Request was not processed because too many requests were received.");
        }
        else if (Faults.Status is { } status)
        {
            await RefuseAsync(context, status, "InternalServerError", "It does not work at the moment.");
        }
        else if (Faults.RedirectTo is { } location)
        {
            context.Response.Headers.Location = location;
            context.Response.StatusCode = 307;
        }
        else
        {
            await AnswerAsync(context);
        }
    }
}
