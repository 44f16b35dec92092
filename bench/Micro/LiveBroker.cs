using Microsoft.AspNetCore.Http.Features;
using TokenBroker.Bench.Parties;
using TokenBroker.Bench.Processes;
using TokenBroker.Gateway;

namespace TokenBroker.Bench.Micro;

/// <summary>The real broker in this process, with a person, their key and a grant: its parts are measured as it made them.</summary>
internal sealed class LiveBroker : IAsyncDisposable
{
    public const string UpstreamKey = "sk-bench-0123456789abcdefghijklmnopqrstuvwxyz";
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-micro-").FullName;
    private readonly WebApplication _upstream;
    private readonly WebApplication _broker;
    private Tokens? _tokens;

    private LiveBroker(int port, int upstreamPort)
    {
        _upstream = Contenders.Upstream.Create([$"--urls=http://127.0.0.1:{upstreamPort}", $"--key={UpstreamKey}"]);
        _broker = BrokerApplication.Create(
        [
            "--environment=Development",
            "--Logging:LogLevel:Default=Warning",
            $"--urls=http://localhost:{port}",
            $"--Broker:PublicUrl=http://localhost:{port}",
            $"--Storage:DataDirectory={_directory}",
            $"--Upstreams:openai:BaseUrl=http://127.0.0.1:{upstreamPort}/v1",
            "--Gateway:RequestsPerMinute=1000000",
            $"--Apps:0:ClientId={OAuthApp.ClientId}",
            $"--Apps:0:ClientSecret={OAuthApp.Secret}",
            "--Apps:0:Name=Bench",
            $"--Apps:0:RedirectUris:0={OAuthApp.RedirectUri}",
            "--Apps:0:Scopes:0=openai:chat",
            "--Apps:0:Scopes:1=offline_access",
        ]);
    }

    public IServiceProvider Services => _broker.Services;

    public static async Task<LiveBroker> StartAsync()
    {
        var (port, upstreamPort) = (Ports.Next(), Ports.Next());
        var live = new LiveBroker(port, upstreamPort);
        await live._upstream.StartAsync();
        await live._broker.StartAsync();
        using var visitor = new Visitor(new Uri($"http://localhost:{port}"));
        await visitor.SettleInAsync(UpstreamKey, CancellationToken.None);
        using var app = new OAuthApp(port, "openai:chat offline_access");
        var back = await visitor.ApproveAsync(
            app.AuthorizeUrl, new() { ["Form.Decision"] = "approve", ["Form.Budget"] = "10000" }, CancellationToken.None);
        live._tokens = await app.ExchangeAsync(back, CancellationToken.None);
        return live;
    }

    /// <summary>A call as Kestrel hands it over, as far as the caller's finding looks at it.</summary>
    public HttpContext NewCall()
    {
        var context = new DefaultHttpContext { RequestServices = Services };
        context.Request.Method = "POST";
        context.Request.Path = "/openai/v1/chat/completions";
        context.Features.Get<IHttpRequestFeature>()!.RawTarget = context.Request.Path;
        context.Request.Headers.Authorization = "Bearer " + _tokens!.Access;
        return context;
    }

    public async Task<Caller> CallerAsync() =>
        (await Services.GetRequiredService<Callers>().FindAsync(NewCall())).Caller ?? throw new InvalidOperationException("The token is not accepted.");

    public async ValueTask DisposeAsync()
    {
        await _broker.StopAsync();
        await _broker.DisposeAsync();
        await _upstream.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_directory, recursive: true);
    }
}
