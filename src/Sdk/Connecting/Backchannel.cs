using System.Net;

using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk.Connecting;

/// <summary>Calls from the app's server to the broker's OAuth endpoints: 30 seconds and 64 KB at most, outages as one exception.</summary>
internal static class Backchannel
{
    public static async Task<HttpResponseMessage> SendAsync(IHttpClientFactory http, HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var client = http.CreateClient(TokenBrokerDefaults.HttpClientName);
        client.Timeout = TimeSpan.FromSeconds(30);
        client.MaxResponseContentBufferSize = 64 * 1024;
        try
        {
            return await client.SendAsync(request, cancellationToken);
        }
        catch (Exception exception) when (exception is HttpRequestException || (exception is TaskCanceledException && !cancellationToken.IsCancellationRequested))
        {
            throw Unavailable(request.RequestUri!, null, exception);
        }
    }

    public static TokenBrokerException Unavailable(Uri endpoint, HttpStatusCode? status, Exception? inner = null) => new(
        new BrokerError("broker_unavailable", $"The broker did not answer at {endpoint.GetLeftPart(UriPartial.Path)}{(status is null ? "" : $" (HTTP {(int)status})")}. Check that it runs and that Authority is right, then try again.", 503),
        null,
        inner);
}
