using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;

namespace TokenBroker.Tests.Apps;

public sealed record SentRequest(HttpMethod Method, Uri Uri, string? Authorization, HttpStatusCode? Answer);

/// <summary>
/// Sees every request that an app makes to the broker and passes it on unchanged, and keeps the secrets that the broker
/// gave, so that a test can look for them where they must not be.
/// </summary>
public sealed class Traffic
{
    public ConcurrentQueue<SentRequest> Requests { get; } = new();

    /// <summary>Every access and refresh token that was received, and every verifier and code that was sent.</summary>
    public ConcurrentQueue<string> Secrets { get; } = new();

    public IReadOnlyList<SentRequest> To(string path) => [.. Requests.Where(request => request.Uri.AbsolutePath == path)];

    /// <summary>An app may build its handlers anew; each of them reports here.</summary>
    public DelegatingHandler NewHandler() => new Tap(this);

    private sealed class Tap(Traffic traffic) : DelegatingHandler
    {
        protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            HttpResponseMessage? response = null;
            try
            {
                return response = base.Send(request, cancellationToken);
            }
            finally
            {
                Note(request, response);
            }
        }

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var isTokenRequest = request.RequestUri!.AbsolutePath == "/connect/token";
            if (isTokenRequest)
            {
                await KeepFormAsync(request.Content!);
            }

            HttpResponseMessage? response = null;
            try
            {
                response = await base.SendAsync(request, cancellationToken);
                if (isTokenRequest)
                {
                    await response.Content.LoadIntoBufferAsync(cancellationToken);
                    KeepTokens(await response.Content.ReadAsStringAsync(cancellationToken));
                }

                return response;
            }
            finally
            {
                Note(request, response);
            }
        }

        private void Note(HttpRequestMessage request, HttpResponseMessage? response) => traffic.Requests.Enqueue(
            new SentRequest(request.Method, request.RequestUri!, request.Headers.Authorization?.ToString(), response?.StatusCode));

        private async Task KeepFormAsync(HttpContent form)
        {
            var fields = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(await form.ReadAsStringAsync());
            foreach (var name in new[] { "code_verifier", "code" })
            {
                if (fields.TryGetValue(name, out var value))
                {
                    traffic.Secrets.Enqueue(value.ToString());
                }
            }
        }

        private void KeepTokens(string body)
        {
            using var json = JsonDocument.Parse(body);
            foreach (var name in new[] { "access_token", "refresh_token" })
            {
                if (json.RootElement.TryGetProperty(name, out var value))
                {
                    traffic.Secrets.Enqueue(value.GetString()!);
                }
            }
        }
    }
}
