using System.Globalization;
using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Parties;

/// <summary>
/// The real broker as an operator would run it: file vault, SQLite, an app, people with sealed keys, and grants that
/// were approved on the consent page with a model list, a rate and a budget. Its limits are set high enough, by the
/// documented settings, that none of them ends the bench; each of them is still counted on every call.
/// </summary>
internal sealed class BrokerParty(string directory, int upstreamPort, string upstreamKey)
{
    private const string MostPerMinute = "1000000";
    private readonly int _port = Ports.Next();

    public int Port => _port;

    private Uri Address => new($"http://localhost:{_port}");

    public Task<Running> StartAsync(CancellationToken cancellationToken) => Running.StartAsync(
        "The broker",
        Programs.Broker,
        [
            "--environment=Production",
            "--Vault:AllowLocalFileInProduction=true",
            "--Logging:LogLevel:Default=Warning",
            $"--urls={Address.AbsoluteUri.TrimEnd('/')}",
            $"--Broker:PublicUrl={Address.AbsoluteUri.TrimEnd('/')}",
            $"--Storage:DataDirectory={Path.Combine(directory, "broker")}",
            string.Create(CultureInfo.InvariantCulture, $"--Upstreams:openai:BaseUrl=http://127.0.0.1:{upstreamPort}/v1"),
            $"--Gateway:RequestsPerMinute={MostPerMinute}",
            "--Gateway:ConcurrentCalls=5000",
            "--Gateway:TokensPerMinute=1000000000000",
            "--Broker:RequestsPerMinute=10000000",
            "--Accounts:SignInAttemptsPerMinute=1000",
            $"--Apps:0:ClientId={OAuthApp.ClientId}",
            $"--Apps:0:ClientSecret={OAuthApp.Secret}",
            "--Apps:0:Name=Bench",
            $"--Apps:0:RedirectUris:0={OAuthApp.RedirectUri}",
            "--Apps:0:Scopes:0=openai:chat",
            "--Apps:0:Scopes:1=offline_access",
        ],
        _port,
        directory,
        cancellationToken);

    public OAuthApp NewApp() => new(_port, "openai:chat offline_access");

    /// <summary>A new person signs up, seals their key, and approves the app.</summary>
    public async Task<Tokens> ConnectSomebodyAsync(CancellationToken cancellationToken)
    {
        using var visitor = new Visitor(Address);
        await visitor.SettleInAsync(upstreamKey, cancellationToken);
        using var app = NewApp();
        var back = await visitor.ApproveAsync(
            app.AuthorizeUrl,
            new()
            {
                ["Form.Decision"] = "approve",
                ["Form.ModelChoice"] = "some",
                ["Form.OtherModels"] = "gpt-4o-mini, gpt-4o",
                ["Form.Budget"] = "10000",
                ["Form.Rate"] = MostPerMinute,
            },
            cancellationToken);
        return await app.ExchangeAsync(back, cancellationToken);
    }
}
