using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace TokenBroker.Tests.Host;

public sealed record Tokens(string AccessToken, string RefreshToken, int ExpiresIn, string Scope, JsonElement Raw);

/// <summary>An app as the OAuth specifications know it, with nothing of our SDK.</summary>
public sealed class OAuthApp(BrokerHost host, string clientId = BrokerHost.AppId)
{
    public const string DefaultScope = "openai:chat openai:models openai:responses openai:embeddings openai:moderations openai:images openai:audio offline_access";

    /// <summary>The scopes of what the provider keeps, and the one that opens the whole account.</summary>
    public static readonly string[] ObjectScopes =
    [
        "openai:files", "openai:vector_stores", "openai:batches", "openai:fine_tuning", "openai:evals", "openai:conversations", "openai:containers",
        "openai:assistants", "openai:videos", "openai:account",
    ];

    private readonly HttpClient _http = host.NewClient();

    public string ClientId => clientId;

    public string? Secret { get; init; } = clientId switch
    {
        BrokerHost.AppId => BrokerHost.AppSecret,
        BrokerHost.OtherAppId => BrokerHost.OtherAppSecret,
        BrokerHost.ParAppId => BrokerHost.ParAppSecret,
        _ => null,
    };

    /// <summary>Adds to each request to the broker's endpoints, such as a proof.</summary>
    public Action<HttpRequestMessage>? OnSend { get; init; }

    /// <summary>More parameters of the authorization request.</summary>
    public Dictionary<string, string?> More { get; init; } = [];

    public string Verifier { get; set; } = WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(32));

    public string State { get; } = Guid.NewGuid().ToString("N");

    public string Challenge => WebEncoders.Base64UrlEncode(SHA256.HashData(Encoding.ASCII.GetBytes(Verifier)));

    /// <summary>The authorization request, with parameters changed, added, or (by null) left out.</summary>
    public string AuthorizeUrl(string scope = DefaultScope, Dictionary<string, string?>? change = null)
    {
        var query = new Dictionary<string, string?>
        {
            ["client_id"] = clientId,
            ["response_type"] = "code",
            ["redirect_uri"] = BrokerHost.RedirectUri,
            ["scope"] = scope,
            ["state"] = State,
            ["code_challenge"] = Challenge,
            ["code_challenge_method"] = "S256",
        };
        foreach (var (name, value) in More.Concat(change ?? []))
        {
            query[name] = value;
        }

        return QueryHelpers.AddQueryString("/connect/authorize", query.Where(pair => pair.Value is not null));
    }

    /// <summary>Sends the person through consent and returns where they were sent back to.</summary>
    public async Task<Uri> AuthorizeAsync(Person person, string scope = DefaultScope, Dictionary<string, string>? answer = null)
    {
        var url = AuthorizeUrl(scope);
        using var first = await person.GetAsync(url);
        if (first.StatusCode is HttpStatusCode.Found or HttpStatusCode.SeeOther)
        {
            return first.Headers.Location!;
        }

        first.StatusCode.Should().Be(HttpStatusCode.OK, "the consent page must be shown");
        var fields = new Dictionary<string, string> { ["Form.Decision"] = "approve" };
        foreach (var (name, value) in answer ?? [])
        {
            fields[name] = value;
        }

        using var response = await person.SubmitAsync(await Person.ParseAsync(first), url, fields);
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther, "the consent must be accepted: " + await response.Content.ReadAsStringAsync());
        return response.Headers.Location!;
    }

    public async Task<string> CodeAsync(Person person, string scope = DefaultScope, Dictionary<string, string>? answer = null)
    {
        var back = QueryHelpers.ParseQuery((await AuthorizeAsync(person, scope, answer)).Query);
        back["state"].ToString().Should().Be(State);
        return back["code"].ToString();
    }

    /// <summary>Consent, code and tokens in one.</summary>
    public async Task<Tokens> ConnectAsync(Person person, string scope = DefaultScope, Dictionary<string, string>? answer = null)
    {
        using var response = await ExchangeAsync(await CodeAsync(person, scope, answer));
        return await ReadAsync(response);
    }

    public Task<HttpResponseMessage> ExchangeAsync(string code, Dictionary<string, string?>? change = null) => TokenAsync(Merge(new()
    {
        ["grant_type"] = "authorization_code",
        ["code"] = code,
        ["redirect_uri"] = BrokerHost.RedirectUri,
        ["code_verifier"] = Verifier,
    }, change));

    public Task<HttpResponseMessage> RefreshAsync(string refreshToken, Dictionary<string, string?>? change = null) => TokenAsync(Merge(new()
    {
        ["grant_type"] = "refresh_token",
        ["refresh_token"] = refreshToken,
    }, change));

    public Task<HttpResponseMessage> RevokeAsync(string token, Dictionary<string, string?>? change = null) =>
        PostAsync("/connect/revoke", Merge(new() { ["token"] = token }, change));

    public Task<HttpResponseMessage> IntrospectAsync(string token) => PostAsync("/connect/introspect", new() { ["token"] = token });

    public Task<HttpResponseMessage> TokenAsync(Dictionary<string, string?> form) => PostAsync("/connect/token", form);

    public static async Task<Tokens> ReadAsync(HttpResponseMessage response)
    {
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        var json = await response.Content.ReadFromJsonAsync<JsonElement>();
        return new Tokens(
            json.GetProperty("access_token").GetString()!,
            json.TryGetProperty("refresh_token", out var refresh) ? refresh.GetString()! : "",
            json.GetProperty("expires_in").GetInt32(),
            json.TryGetProperty("scope", out var scope) ? scope.GetString()! : "",
            json);
    }

    public static async Task<string> ErrorAsync(HttpResponseMessage response) =>
        (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetString()!;

    /// <summary>Posts a form as this app: with its secret, or with its client_id where it has none.</summary>
    public async Task<HttpResponseMessage> PostAsync(string path, Dictionary<string, string?> form)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, path);
        if (Secret is not null)
        {
            request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{Uri.EscapeDataString(clientId)}:{Uri.EscapeDataString(Secret)}")));
        }
        else
        {
            form.TryAdd("client_id", clientId);
        }

        request.Content = new FormUrlEncodedContent(form.Where(pair => pair.Value is not null).ToDictionary(pair => pair.Key, pair => pair.Value!));
        OnSend?.Invoke(request);
        return await _http.SendAsync(request);
    }

    private static Dictionary<string, string?> Merge(Dictionary<string, string?> form, Dictionary<string, string?>? change)
    {
        foreach (var (name, value) in change ?? [])
        {
            form[name] = value;
        }

        return form;
    }
}
