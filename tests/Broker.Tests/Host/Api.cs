using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace TokenBroker.Tests.Host;

/// <summary>Calls the gateway with an access token, as any HTTP client would.</summary>
public sealed class Api(BrokerHost host, string? accessToken)
{
    private readonly HttpClient _http = host.NewClient();

    public Task<HttpResponseMessage> SendAsync(
        HttpMethod method, string path, HttpContent? content = null, HttpCompletionOption completion = HttpCompletionOption.ResponseContentRead, CancellationToken cancellationToken = default)
    {
        var request = new HttpRequestMessage(method, "/openai/v1" + path) { Content = content };
        if (accessToken is not null)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", accessToken);
        }

        return _http.SendAsync(request, completion, cancellationToken);
    }

    public Task<HttpResponseMessage> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<HttpResponseMessage> PostAsync(string path, object body) => SendAsync(HttpMethod.Post, path, JsonContent.Create(body));

    public Task<HttpResponseMessage> PostRawAsync(string path, string json) =>
        SendAsync(HttpMethod.Post, path, new StringContent(json, Encoding.UTF8, "application/json"));

    public Task<HttpResponseMessage> ChatAsync(string text = "Hello", string model = "gpt-4o-mini") =>
        PostAsync("/chat/completions", new { model, messages = new[] { new { role = "user", content = text } } });

    /// <summary>Opens a stream and returns once its headers are here.</summary>
    public Task<HttpResponseMessage> OpenStreamAsync(string text, string model = "gpt-4o-mini", CancellationToken cancellationToken = default) =>
        SendAsync(
            HttpMethod.Post,
            "/chat/completions",
            JsonContent.Create(new { model, stream = true, messages = new[] { new { role = "user", content = text } } }),
            HttpCompletionOption.ResponseHeadersRead,
            cancellationToken);

    public static async Task<(string Code, JsonElement Error)> ErrorAsync(HttpResponseMessage response)
    {
        var json = await response.Content.ReadFromJsonAsync<JsonElement>();
        var error = json.GetProperty("error");
        return (error.GetProperty("code").GetString()!, error);
    }
}
