using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Parties;

/// <summary>All contenders for a call, running. Disposing it ends their processes and deletes what they wrote.</summary>
internal sealed class Field : IAsyncDisposable
{
    private readonly List<Running> _running = [];
    private readonly string _directory;
    private readonly string _key = "sk-bench-" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(30));
    private readonly string _token = "bench-" + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(32));
    private int _upstreamPort;
    private Tokens? _tokens;

    private Field(string directory) => _directory = directory;

    public IReadOnlyList<Contender> Contenders { get; private set; } = [];

    public BrokerParty Broker { get; private set; } = null!;

    public string Directory => _directory;

    public Contender this[string name] => Contenders.First(contender => contender.Name == name);

    /// <param name="parent">The folder for data; the system's temporary one if null.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<Field> StartAsync(string? parent, CancellationToken cancellationToken)
    {
        var directory = parent is null
            ? System.IO.Directory.CreateTempSubdirectory("tokenbroker-bench-").FullName
            : System.IO.Directory.CreateDirectory(Path.Combine(parent, $"tokenbroker-bench-{Environment.ProcessId}")).FullName;
        var field = new Field(directory);
        try
        {
            await field.StartAsync(cancellationToken);
            return field;
        }
        catch
        {
            await field.DisposeAsync();
            throw;
        }
    }

    /// <summary>A contender in new processes, so that its memory starts from nothing; the one before ends. The data stays.</summary>
    public async Task<Contender> RestartAsync(string name, CancellationToken cancellationToken)
    {
        var old = this[name];
        foreach (var process in old.Processes)
        {
            _running.Remove(process);
            await process.DisposeAsync();
        }

        var fresh = name switch
        {
            Names.Nginx => await StartNginxAsync(old.Port, cancellationToken),
            Names.NginxAuth => await StartNginxAuthAsync(old.Port, cancellationToken),
            Names.NginxLookup => await StartNginxLookupAsync(old.Port, cancellationToken),
            Names.Yarp => await StartYarpAsync(old.Port, cancellationToken),
            Names.Broker => await StartBrokerAsync(cancellationToken),
            _ => throw new ArgumentOutOfRangeException(nameof(name), name, "Only what stands in front of the upstream is restarted."),
        };
        Contenders = [.. Contenders.Select(contender => contender.Name == name ? fresh : contender)];
        return fresh;
    }

    /// <summary>Gives the broker's callers a new access token: one lives for half an hour.</summary>
    public async Task RenewAsync(CancellationToken cancellationToken)
    {
        using var app = Broker.NewApp();
        _tokens = await app.RefreshAsync(_tokens!, cancellationToken);
        this[Names.Broker].Bearer = _tokens.Access;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _running)
        {
            await process.DisposeAsync();
        }

        try
        {
            System.IO.Directory.Delete(_directory, recursive: true);
        }
        catch (IOException)
        {
            // Something still holds a file; the system clears its temporary folder.
        }
    }

    private async Task StartAsync(CancellationToken cancellationToken)
    {
        _upstreamPort = Ports.Next();
        var upstream = await RoleAsync("upstream", _upstreamPort, [$"--key={_key}"], cancellationToken);
        Broker = new BrokerParty(_directory, _upstreamPort, _key);
        var broker = await StartBrokerAsync(cancellationToken);
        var contenders = new List<Contender>
        {
            new(Names.Direct, _upstreamPort, "", _key, [upstream]),
            await StartYarpAsync(Ports.Next(), cancellationToken),
            broker,
        };
        if (Programs.Nginx is not null)
        {
            contenders.Insert(1, await StartNginxAsync(Ports.Next(), cancellationToken));
            contenders.Add(await StartNginxAuthAsync(Ports.Next(), cancellationToken));
            contenders.Add(await StartNginxLookupAsync(Ports.Next(), cancellationToken));
        }

        Contenders = contenders;
        _tokens = await Broker.ConnectSomebodyAsync(cancellationToken);
        broker.Bearer = _tokens.Access;
    }

    private async Task<Contender> StartBrokerAsync(CancellationToken cancellationToken) =>
        new(Names.Broker, Broker.Port, "/openai", _tokens?.Access ?? "", [Keep(await Broker.StartAsync(cancellationToken))]);

    private async Task<Contender> StartYarpAsync(int port, CancellationToken cancellationToken) => new(
        Names.Yarp, port, "", _token, [await RoleAsync("yarp", port, [$"--upstream=http://127.0.0.1:{_upstreamPort}", $"--key={_key}"], cancellationToken)]);

    private async Task<Contender> StartNginxAsync(int port, CancellationToken cancellationToken) => new(
        Names.Nginx, port, "", _token, [Keep(await NginxParty.StartAsync(Programs.Nginx!, _directory, port, _upstreamPort, null, _key, cancellationToken))]);

    private async Task<Contender> StartNginxAuthAsync(int port, CancellationToken cancellationToken)
    {
        var party = new StockParty(_directory, "authorizer");
        var authorizer = Keep(await party.StartAsync(cancellationToken));
        var tokens = await party.ConnectSomebodyAsync(cancellationToken);
        var nginx = Keep(await NginxParty.StartAsync(Programs.Nginx!, _directory, port, _upstreamPort, party.Port, _key, cancellationToken));
        return new Contender(Names.NginxAuth, port, "", tokens.Access, [nginx, authorizer]);
    }

    private async Task<Contender> StartNginxLookupAsync(int port, CancellationToken cancellationToken)
    {
        var authorizerPort = Ports.Next();
        var authorizer = await RoleAsync("authorizer", authorizerPort, [$"--token={_token}"], cancellationToken);
        var nginx = Keep(await NginxParty.StartAsync(Programs.Nginx!, _directory, port, _upstreamPort, authorizerPort, _key, cancellationToken));
        return new Contender(Names.NginxLookup, port, "", _token, [nginx, authorizer]);
    }

    private async Task<Running> RoleAsync(string role, int port, IEnumerable<string> arguments, CancellationToken cancellationToken) =>
        Keep(await Running.StartAsync(
            role, Programs.Contenders, [role, string.Create(CultureInfo.InvariantCulture, $"--urls=http://127.0.0.1:{port}"), .. arguments], port, _directory, cancellationToken));

    private Running Keep(Running running)
    {
        _running.Add(running);
        return running;
    }
}
