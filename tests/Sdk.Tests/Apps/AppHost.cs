using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using TokenBroker.Apps;
using TokenBroker.Samples.WebChat;
using TokenBroker.Sdk;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps;

/// <summary>
/// A real app on the SDK, on Kestrel and loopback, registered at the broker under a name of its own. Who is signed in to
/// the app is said by a header, so that one test can be several users.
/// </summary>
public sealed class AppHost : IAsyncDisposable
{
    public const string UserHeader = "X-User";
    private readonly WebApplication _app;

    private AppHost(BrokerHost broker, AppSettings settings, Func<Action<WebApplicationBuilder>, WebApplication> create)
    {
        (Broker, Settings) = (broker, settings);
        _app = create(builder =>
        {
            builder.Logging.ClearProviders();
            builder.Logging.AddProvider(Log);
            builder.Logging.SetMinimumLevel(LogLevel.Trace);
            builder.WebHost.UseUrls("http://127.0.0.1:0");
            builder.Services.AddHttpClient(TokenBrokerDefaults.HttpClientName).AddHttpMessageHandler(Traffic.NewHandler);
            builder.Services.Replace(ServiceDescriptor.Singleton(settings.Keys));
            if (settings.Clock is not null)
            {
                builder.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(settings.Clock));
            }

            settings.Services?.Invoke(builder.Services);
        });
    }

    public BrokerHost Broker { get; }

    public AppSettings Settings { get; }

    public LogCapture Log { get; } = new();

    public Traffic Traffic { get; } = new();

    public IServiceProvider Services => _app.Services;

    /// <summary>By name, as people do: cookies belong to a host, and the broker is on localhost as well.</summary>
    public string Address => _app.Urls.First().Replace("127.0.0.1", "localhost", StringComparison.Ordinal);

    public string Callback => Address + TokenBrokerDefaults.CallbackPath;

    /// <summary>An app of four lines.</summary>
    public static Task<AppHost> StartAsync(BrokerHost broker, AppSettings? settings = null)
    {
        settings ??= new AppSettings();
        return StartAsync(new AppHost(broker, settings, customise => Minimal(broker, settings, customise)));
    }

    public static Task<AppHost> StartWebChatAsync(BrokerHost broker)
    {
        var settings = new AppSettings();
        return StartAsync(new AppHost(broker, settings, customise => WebChatApplication.Create(
            [$"--TokenBroker:Authority={broker.Address}", $"--TokenBroker:ClientId={settings.ClientId}", $"--TokenBroker:ClientSecret={settings.ClientSecret}"],
            customise)));
    }

    /// <summary>The connection of a signed-in user of the app.</summary>
    public TokenBrokerConnection Of(string user) => Services.GetRequiredService<TokenBrokerConnections>().ForUser(user);

    /// <summary>Begins a connect and gives where the browser is sent.</summary>
    public async Task<Uri> BeginAsync(Person person, string? user = null, string query = "?returnUrl=/chat")
    {
        using var response = await SendAsync(person, HttpMethod.Get, TokenBrokerDefaults.ConnectPath + query, user);
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    /// <summary>Answers the consent page, unless the broker does not ask, and gives the callback's address.</summary>
    public async Task<Uri> AnswerAsync(Person person, Uri authorize, Dictionary<string, string>? answer = null)
    {
        using var asked = await person.GetAsync(authorize.AbsoluteUri);
        if (asked.StatusCode is HttpStatusCode.Found or HttpStatusCode.SeeOther)
        {
            return asked.Headers.Location!;
        }

        var fields = new Dictionary<string, string> { ["Form.Decision"] = "approve" };
        foreach (var (name, value) in answer ?? [])
        {
            fields[name] = value;
        }

        using var response = await person.SubmitAsync(await Person.ParseAsync(asked), authorize.AbsoluteUri, fields);
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    /// <summary>The whole way through consent; gives where the app sent the browser in the end.</summary>
    public async Task<string> ConnectAsync(Person person, string? user = null, Dictionary<string, string>? answer = null)
    {
        var callback = await AnswerAsync(person, await BeginAsync(person, user), answer);
        using var done = await OpenAsync(person, callback, user);
        done.StatusCode.Should().Be(HttpStatusCode.SeeOther, await done.Content.ReadAsStringAsync());
        return done.Headers.Location!.OriginalString;
    }

    /// <summary>A new person with a key, connected as this user of the app.</summary>
    public async Task<Person> ConnectedPersonAsync(string user, Dictionary<string, string>? answer = null)
    {
        var person = await Person.WithKeyAsync(Broker);
        (await ConnectAsync(person, user, answer)).Should().Be("/chat");
        return person;
    }

    public Task<HttpResponseMessage> OpenAsync(Person person, Uri address, string? user = null) =>
        person.SendAsync(Request(HttpMethod.Get, address.AbsoluteUri, user));

    public Task<HttpResponseMessage> SendAsync(Person person, HttpMethod method, string path, string? user = null, Action<HttpRequestMessage>? change = null)
    {
        var request = Request(method, Address + path, user);
        change?.Invoke(request);
        return person.SendAsync(request);
    }

    /// <summary>Presses a button of the app's own page.</summary>
    public Task<HttpResponseMessage> PressAsync(Person person, string path, string? user = null) =>
        SendAsync(person, HttpMethod.Post, path, user, request => request.Headers.Add("Origin", Address));

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static async Task<AppHost> StartAsync(AppHost host)
    {
        await host._app.StartAsync();
        host.Settings.Callbacks.Add(host.Callback);
        var entry = new AppRegistration
        {
            ClientId = host.Settings.ClientId,
            ClientSecret = host.Settings.ClientSecret,
            Name = host.Settings.Name,
            Scopes = { "openai:chat", "openai:models", "openai:embeddings", "offline_access" },
            OptionalScopes = { "openai:chat", "openai:models", "openai:embeddings" },
        };
        foreach (var callback in host.Settings.Callbacks)
        {
            entry.RedirectUris.Add(callback);
        }

        await using var scope = host.Broker.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, CancellationToken.None);
        return host;
    }

    private static WebApplication Minimal(BrokerHost broker, AppSettings settings, Action<WebApplicationBuilder> customise)
    {
        var builder = WebApplication.CreateBuilder();
        builder.Services.AddTokenBroker(options =>
        {
            (options.Authority, options.ClientId, options.ClientSecret) = (broker.Address, settings.ClientId, settings.ClientSecret);
            options.UserId = http => http.Request.Headers[UserHeader].FirstOrDefault();
            settings.Options?.Invoke(options);
        });
        customise(builder);

        var app = builder.Build();
        app.UseForwardedHeaders(new ForwardedHeadersOptions { ForwardedHeaders = ForwardedHeaders.XForwardedProto });
        app.MapTokenBroker();
        app.MapGet("/ask", async (string text, TokenBrokerConnection connection) =>
            (await connection.CreateChatClient("gpt-4o-mini").CompleteChatAsync(text)).Value.Content[0].Text);
        app.MapGet("/connected", (TokenBrokerConnection connection) => connection.IsConnectedAsync());
        return app;
    }

    private static HttpRequestMessage Request(HttpMethod method, string url, string? user)
    {
        var request = new HttpRequestMessage(method, url);
        if (user is not null)
        {
            request.Headers.Add(UserHeader, user);
        }

        return request;
    }
}
