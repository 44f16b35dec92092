using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Grants;
using TokenBroker.Tests.Accounts;

namespace TokenBroker.Tests.Host;

/// <summary>A person who registers apps, or reviews them, by pages and by a personal API token.</summary>
public sealed class Developer : IDisposable
{
    private readonly HttpClient _http;

    private Developer(Person person, Guid userId, string token)
    {
        (Person, UserId, Token) = (person, userId, token);
        _http = person.Host.NewClient();
    }

    public Person Person { get; }

    public Guid UserId { get; }

    public string Token { get; }

    public static async Task<Developer> SignedUpAsync(BrokerHost host, bool isOperator = false)
    {
        var person = await Person.SignedUpAsync(host);
        var userId = await host.WithDatabaseAsync(async db =>
        {
            var user = await db.Users.SingleAsync(u => u.Email == person.Email);
            user.IsOperator = isOperator;
            await db.SaveChangesAsync();
            return user.Id;
        });
        return new Developer(person, userId, await TokenOfAsync(person));
    }

    /// <summary>Makes a personal API token on the Security page.</summary>
    public static async Task<string> TokenOfAsync(Person person, string name = "Test", string days = "7")
    {
        using var made = await person.PostFromAsync("/account", "/account/tokens?handler=Create", new() { ["name"] = name, ["days"] = days });
        made.StatusCode.Should().Be(HttpStatusCode.OK);
        return (await Person.ParseAsync(made)).QuerySelector("#api-token")!.TextContent;
    }

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, object? body = null) =>
        SendAsync(method, path, body is null ? null : JsonContent.Create(body), Token);

    public Task<HttpResponseMessage> SendAsync(HttpMethod method, string path, HttpContent? content, string? token)
    {
        var request = new HttpRequestMessage(method, "/api/v1" + path) { Content = content };
        if (token is not null)
        {
            request.Headers.Authorization = new("Bearer", token);
        }

        return _http.SendAsync(request);
    }

    /// <summary>Sends, and reads the JSON of a success.</summary>
    public async Task<JsonElement> AskAsync(HttpMethod method, string path, object? body = null)
    {
        using var response = await SendAsync(method, path, body);
        response.IsSuccessStatusCode.Should().BeTrue($"{method} {path}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    public static Dictionary<string, object> AppBody(string name = "My App", string kind = "server", string redirectUri = BrokerHost.RedirectUri) => new()
    {
        ["name"] = name,
        ["kind"] = kind,
        ["redirect_uris"] = new[] { redirectUri },
        ["scopes"] = new[] { "openai:chat", "openai:models", "offline_access" },
        ["optional_scopes"] = new[] { "openai:models" },
    };

    /// <summary>Registers an app; the client that it is.</summary>
    public async Task<OAuthApp> NewAppAsync(Dictionary<string, object>? body = null)
    {
        var app = await AskAsync(HttpMethod.Post, "/apps", body ?? AppBody());
        return new OAuthApp(Person.Host, app.GetProperty("client_id").GetString()!)
        {
            Secret = app.TryGetProperty("client_secret", out var secret) ? secret.GetString() : null,
        };
    }

    public const string AppScope = "openai:chat openai:models offline_access";

    /// <summary>Submits the app, and has it approved by an operator.</summary>
    public async Task ApprovedByAsync(Developer reviewer, OAuthApp app)
    {
        var submitted = await AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit");
        await reviewer.AskAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/approve", new { version = submitted.GetProperty("version").GetString() });
    }

    /// <summary>Gives the app this many people, who each held a grant once, without their sign-ups.</summary>
    public static Task<int> FillAsync(BrokerHost host, OAuthApp app, int people) => host.WithDatabaseAsync(async db =>
    {
        var appId = await db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync();
        for (var i = 0; i < people; i++)
        {
            var user = new User { Id = Guid.CreateVersion7(), UserName = $"{Guid.NewGuid():N}@example.com" };
            (user.NormalizedUserName, user.SecurityStamp) = (user.UserName.ToUpperInvariant(), "none");
            db.Users.Add(user);
            db.Grants.Add(new Grant { UserId = user.Id, Subject = user.Id.ToString(), ApplicationId = appId, UpstreamId = "openai", Status = "revoked", Type = "permanent" });
        }

        return await db.SaveChangesAsync();
    });

    public void Dispose()
    {
        Person.Dispose();
        _http.Dispose();
    }
}
