using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Storage;

namespace TokenBroker.Tests.Host;

/// <summary>
/// The real broker on Kestrel and loopback, in front of a real upstream that records what it received. Everything the
/// broker logs is kept. It can be stopped and started again on the same data, as a restart of the process would.
/// </summary>
public sealed class BrokerHost : IAsyncDisposable
{
    public const string AppId = "test-app";
    public const string OtherAppId = "other-app";
    public const string PublicAppId = "public-app";
    public const string ParAppId = "par-app";
    public const string NativeAppId = "native-app";
    public const string DeviceAppId = "device-app";

    /// <summary>A public app that gets DPoP-bound tokens or none.</summary>
    public const string BoundAppId = "bound-app";

    /// <summary>An app that authenticates with <see cref="KeyedAppKey"/>.</summary>
    public const string KeyedAppId = "keyed-app";
    public const string OtherKeyedAppId = "other-keyed-app";
    public const string RedirectUri = "https://app.example/callback";
    public static readonly string AppSecret = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    public static readonly string OtherAppSecret = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));
    public static readonly string ParAppSecret = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public static readonly SigningKey KeyedAppKey = SigningKey.New();
    public static readonly SigningKey OtherKeyedAppKey = SigningKey.New("PS256");

    /// <summary>Thousands of people sign up in the tests: the broker's own slow hash is for the test that is about it.</summary>
    private const int QuickHash = 1_000;

    private readonly Dictionary<string, string> _settings;
    private readonly bool _ownsData;
    private Action<WebApplicationBuilder>? _customise;
    private WebApplication? _broker;

    private BrokerHost(string address, string dataDirectory, bool ownsData, WebApplication sandbox, FakeTimeProvider? clock, Dictionary<string, string> settings)
    {
        (Address, DataDirectory, _ownsData, Sandbox, Clock, _settings) = (address, dataDirectory, ownsData, sandbox, clock, settings);
    }

    /// <summary>For tests of what there is on SQLite alone, wherever the others run.</summary>
    public static Dictionary<string, string> OnSqlite => new() { ["Storage:Provider"] = StorageOptions.Sqlite };

    /// <summary>The broker's public address, without a final slash.</summary>
    public string Address { get; }

    public string DataDirectory { get; }

    /// <summary>How to connect to its database, where all tests run on PostgreSQL; else null.</summary>
    public string? OwnDatabase { get; private set; }

    public WebApplication Sandbox { get; }

    public Journal Journal => Sandbox.Services.GetRequiredService<Journal>();

    public Faults Faults => Sandbox.Services.GetRequiredService<Faults>();

    public string SandboxAddress => Sandbox.Urls.First();

    /// <summary>The replaced clock; null where the broker runs on real time.</summary>
    public FakeTimeProvider? Clock { get; }

    public LogCapture Log { get; } = new();

    public IServiceProvider Services => _broker?.Services ?? throw new InvalidOperationException("The broker is stopped.");

    public static string NewKey() => "sk-test-" + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(20));

    /// <param name="settings">More configuration, such as <c>Gateway:ConcurrentCalls</c>.</param>
    /// <param name="clock">Replaces the broker's clock.</param>
    /// <param name="dataDirectory">Data to run on; a new temporary folder, and tables with nothing in them, if not given.</param>
    /// <param name="customise">Replaces services, such as the way to a vault.</param>
    public static async Task<BrokerHost> StartAsync(
        Dictionary<string, string>? settings = null, FakeTimeProvider? clock = null, string? dataDirectory = null, Action<WebApplicationBuilder>? customise = null)
    {
        var sandbox = SandboxApplication.Create(["--urls", "http://127.0.0.1:0"], builder => builder.Logging.ClearProviders());
        await sandbox.StartAsync();
        settings ??= [];
        var isOnOwn = PostgreSqlServer.IsForAll && !settings.ContainsKey("Storage:Provider");
        var directory = dataDirectory
            ?? (isOnOwn || settings.ContainsKey("Storage:ConnectionString") ? Directory.CreateTempSubdirectory("tokenbroker-").FullName : MigratedData.NewDirectory());
        var host = new BrokerHost($"http://localhost:{Ports.Next()}", directory, dataDirectory is null, sandbox, clock, settings)
        {
            _customise = customise,
            OwnDatabase = isOnOwn ? await PostgreSqlServer.OfDirectoryAsync(directory, withTables: dataDirectory is null) : null,
        };
        await host.StartBrokerAsync();
        return host;
    }

    /// <summary>To <c>customise</c> with: passwords are hashed as they are outside of tests.</summary>
    public static void HashSlowly(WebApplicationBuilder builder) => builder.Services.RemoveAll<IPostConfigureOptions<PasswordHasherOptions>>();

    public async Task StartBrokerAsync()
    {
        var broker = BrokerApplication.Create(Arguments(), builder =>
        {
            builder.Logging.ClearProviders();
            builder.Logging.AddProvider(Log);
            builder.Logging.SetMinimumLevel(LogLevel.Trace);
            builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = TimeSpan.FromSeconds(5));
            builder.Services.PostConfigure<PasswordHasherOptions>(options => options.IterationCount = QuickHash);
            if (Clock is not null)
            {
                builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(Clock));
            }

            _customise?.Invoke(builder);
        });
        try
        {
            await broker.StartAsync();
            _broker = broker;
        }
        catch
        {
            await broker.DisposeAsync();
            throw;
        }
    }

    public async Task StopBrokerAsync()
    {
        if (_broker is { } broker)
        {
            _broker = null;
            await broker.StopAsync();
            await broker.DisposeAsync();
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        }
    }

    public async Task RestartBrokerAsync()
    {
        await StopBrokerAsync();
        await StartBrokerAsync();
    }

    /// <summary>Reads or changes the database behind the broker's back, as an attacker or another process could.</summary>
    internal async Task<T> WithDatabaseAsync<T>(Func<BrokerDbContext, Task<T>> work)
    {
        await using var scope = Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<BrokerDbContext>());
    }

    /// <summary>A client that follows no redirect and keeps no cookie.</summary>
    public HttpClient NewClient() => new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, ResponseDrainTimeout = TimeSpan.Zero })
    {
        BaseAddress = new Uri(Address),
        Timeout = TimeSpan.FromMinutes(2),
    };

    public async ValueTask DisposeAsync()
    {
        await StopBrokerAsync();
        await Sandbox.StopAsync();
        await Sandbox.DisposeAsync();
        if (_ownsData)
        {
            Directory.Delete(DataDirectory, recursive: true);
        }
    }

    /// <summary>Where its data is, as the program takes it on its command line.</summary>
    public string[] DataArguments() =>
    [
        $"--Storage:DataDirectory={DataDirectory}",
        .. OwnDatabase is null ? Array.Empty<string>() : [$"--Storage:Provider={StorageOptions.PostgreSql}", $"--Storage:ConnectionString={OwnDatabase}"],
    ];

    /// <summary>The configuration, as the program takes it on its command line.</summary>
    public string[] Arguments()
    {
        var settings = new Dictionary<string, string>
        {
            ["environment"] = "Development",

            // No test edits appsettings.json under a broker that runs, and to watch for that takes a watch on each folder beside it.
            ["hostBuilder:reloadConfigOnChange"] = "false",
            ["urls"] = Address,
            ["Broker:PublicUrl"] = Address,
            ["Storage:DataDirectory"] = DataDirectory,
            ["Upstreams:openai:BaseUrl"] = SandboxAddress + "/v1",
            ["Accounts:SignInAttemptsPerMinute"] = "100000",
            ["Gateway:RequestsPerMinute"] = "1000000",
            ["Broker:RequestsPerMinute"] = "1000000",
            ["Gateway:InvalidTokensPerMinute"] = "1000000",
            ["Gateway:RecheckInterval"] = "00:00:05",

            // As an operator sets it who knows the accounts: a worst case is at the list's price then.
            ["Upstreams:openai:AutoTiers"] = "default",
        };
        if (OwnDatabase is not null)
        {
            (settings["Storage:Provider"], settings["Storage:ConnectionString"]) = (StorageOptions.PostgreSql, OwnDatabase);
        }

        RegisterApp(settings, 0, AppId, AppSecret, "Test App");
        RegisterApp(settings, 1, OtherAppId, OtherAppSecret, "Other App");
        RegisterApp(settings, 2, PublicAppId, null, "Public App");
        RegisterOtherKinds(settings);
        RegisterApp(settings, 23, BoundAppId, null, "Bound App");
        settings["Apps:23:DpopBoundAccessTokens"] = "true";
        RegisterApp(settings, 24, KeyedAppId, null, "Keyed App");
        settings["Apps:24:Jwks"] = KeyedAppKey.Jwks;
        RegisterApp(settings, 25, OtherKeyedAppId, null, "Other Keyed App");
        settings["Apps:25:Jwks"] = OtherKeyedAppKey.Jwks;
        foreach (var (name, value) in _settings)
        {
            settings[name] = value;
        }

        return [.. settings.Select(pair => $"--{pair.Key}={pair.Value}")];
    }

    private static void RegisterOtherKinds(Dictionary<string, string> settings)
    {
        RegisterApp(settings, 40, ParAppId, ParAppSecret, "Pushing App");
        settings["Apps:40:RequirePushedAuthorizationRequests"] = "true";

        RegisterApp(settings, 41, NativeAppId, null, "Native App");
        settings["Apps:41:ApplicationType"] = "native";
        settings["Apps:41:RedirectUris:0"] = "http://127.0.0.1/callback";
        settings["Apps:41:RedirectUris:1"] = "http://[::1]/callback";
        settings["Apps:41:RedirectUris:2"] = "http://localhost/callback";
        settings["Apps:41:RedirectUris:3"] = "com.example.native:/callback";
        settings["Apps:41:RedirectUris:4"] = "https://native.example/callback";

        RegisterApp(settings, 42, DeviceAppId, null, "Device App");
        settings.Remove("Apps:42:RedirectUris:0");
        settings["Apps:42:GrantTypes:0"] = "urn:ietf:params:oauth:grant-type:device_code";
        settings["Apps:42:GrantTypes:1"] = "refresh_token";
    }

    private static void RegisterApp(Dictionary<string, string> settings, int index, string id, string? secret, string name)
    {
        settings[$"Apps:{index}:ClientId"] = id;
        settings[$"Apps:{index}:Name"] = name;
        settings[$"Apps:{index}:RedirectUris:0"] = RedirectUri;
        if (secret is not null)
        {
            settings[$"Apps:{index}:ClientSecret"] = secret;
        }

        string[] scopes =
        [
            "openai:models", "openai:chat", "openai:responses", "openai:embeddings", "openai:moderations", "openai:images",
            "openai:audio", "openai:realtime", "openid", "profile", "email", "offline_access", .. OAuthApp.ObjectScopes,
        ];
        for (var i = 0; i < scopes.Length; i++)
        {
            settings[$"Apps:{index}:Scopes:{i}"] = scopes[i];
            settings[$"Apps:{index}:OptionalScopes:{i}"] = scopes[i];
        }
    }
}
