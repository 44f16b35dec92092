using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>An app that registered itself, and how it talks to the registration endpoints.</summary>
public sealed class RegisteredApp(BrokerHost host, JsonElement json)
{
    public const string Endpoint = "/connect/register";

    public JsonElement Json => json;

    public string ClientId => json.GetProperty("client_id").GetString()!;

    public string ManagementToken => json.GetProperty("registration_access_token").GetString()!;

    public string Address => json.GetProperty("registration_client_uri").GetString()!;

    public string? Secret => json.TryGetProperty("client_secret", out var secret) ? secret.GetString() : null;

    public OAuthApp OAuth => new(host, ClientId) { Secret = Secret };

    /// <summary>What an app sends that is acceptable, with members changed, added, or by null left out.</summary>
    public static JsonObject Metadata(Dictionary<string, JsonNode?>? change = null)
    {
        var metadata = new JsonObject
        {
            ["client_name"] = "Field Notes",
            ["redirect_uris"] = new JsonArray(BrokerHost.RedirectUri),
        };
        foreach (var (name, value) in change ?? [])
        {
            metadata.Remove(name);
            if (value is not null)
            {
                metadata[name] = value.DeepClone();
            }
        }

        return metadata;
    }

    public static async Task<RegisteredApp> NewAsync(BrokerHost host, Dictionary<string, JsonNode?>? change = null)
    {
        using var response = await RegisterAsync(host, Metadata(change).ToJsonString());
        return await ReadAsync(host, response, HttpStatusCode.Created);
    }

    public static async Task<RegisteredApp> ReadAsync(BrokerHost host, HttpResponseMessage response, HttpStatusCode expected = HttpStatusCode.OK)
    {
        response.StatusCode.Should().Be(expected, await response.Content.ReadAsStringAsync());
        return new RegisteredApp(host, await response.Content.ReadFromJsonAsync<JsonElement>());
    }

    public static Task<HttpResponseMessage> RegisterAsync(BrokerHost host, string body, string? token = null, string contentType = "application/json") =>
        SendAsync(host, HttpMethod.Post, Endpoint, token, body, contentType);

    public Task<HttpResponseMessage> GetAsync(string? token = null) => SendAsync(host, HttpMethod.Get, Address, token ?? ManagementToken);

    public Task<HttpResponseMessage> DeleteAsync(string? token = null) => SendAsync(host, HttpMethod.Delete, Address, token ?? ManagementToken);

    /// <summary>An update that says the client_id, as it must.</summary>
    public Task<HttpResponseMessage> PutAsync(Dictionary<string, JsonNode?> change, string? token = null) =>
        SendAsync(host, HttpMethod.Put, Address, token ?? ManagementToken, Metadata(new(change) { ["client_id"] = change.GetValueOrDefault("client_id", ClientId) }).ToJsonString());

    public static async Task<(string Error, string Description)> RefusalAsync(HttpResponseMessage response)
    {
        var refusal = await response.Content.ReadFromJsonAsync<JsonElement>();
        return (refusal.GetProperty("error").GetString()!, refusal.GetProperty("error_description").GetString()!);
    }

    public static async Task<HttpResponseMessage> SendAsync(
        BrokerHost host, HttpMethod method, string address, string? token, string? body = null, string contentType = "application/json")
    {
        using var http = host.NewClient();
        using var request = new HttpRequestMessage(method, address);
        if (token is { Length: > 0 })
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }

        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8);
            request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(contentType);
        }

        return await http.SendAsync(request);
    }
}
