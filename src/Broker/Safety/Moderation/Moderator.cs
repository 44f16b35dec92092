using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using Microsoft.Extensions.Options;
using OpenAI;
using OpenAI.Moderations;
using TokenBroker.Upstreams;

namespace TokenBroker.Safety;

/// <summary>
/// Asks a provider's moderation endpoint, through OpenAI's own client on the gateway's connections: the configured
/// address alone, no redirect, no proxy, no second try. The key is in hand for one question only.
/// </summary>
internal sealed class Moderator(UpstreamClient connections, IOptions<ModerationOptions> options) : IDisposable
{
    private const int LongestAnswer = 4 * 1024 * 1024;
    private readonly HttpClient _http = new(new Connections(connections.Invoker), disposeHandler: true) { Timeout = Timeout.InfiniteTimeSpan };

    /// <returns>For each text the categories that it is flagged for; null where the endpoint refuses to look at them.</returns>
    /// <exception cref="ModerationUnavailableException">There is no verdict.</exception>
    public Task<IReadOnlyList<string[]>?> JudgeAsync(Upstream upstream, string key, IReadOnlyList<string> texts, CancellationToken cancellationToken) =>
        AskAsync(upstream, key, texts.Count, json =>
        {
            foreach (var text in texts)
            {
                json.WriteStringValue(text);
            }
        }, cancellationToken);

    /// <summary>One picture: the endpoint takes no more at a time.</summary>
    /// <inheritdoc cref="JudgeAsync"/>
    public async Task<string[]?> JudgeImageAsync(Upstream upstream, string key, string address, CancellationToken cancellationToken) =>
        (await AskAsync(upstream, key, 1, json =>
        {
            json.WriteStartObject();
            json.WriteString("type", "image_url");
            json.WriteStartObject("image_url");
            json.WriteString("url", address);
            json.WriteEndObject();
            json.WriteEndObject();
        }, cancellationToken))?[0];

    public void Dispose() => _http.Dispose();

    private async Task<IReadOnlyList<string[]>?> AskAsync(Upstream upstream, string key, int expected, Action<Utf8JsonWriter> writeInput, CancellationToken cancellationToken)
    {
        try
        {
            using var body = BinaryContent.Create(BodyOf(writeInput));
            var request = new RequestOptions { CancellationToken = cancellationToken, BufferResponse = false, ErrorOptions = ClientErrorBehaviors.NoThrow };
            var result = await ClientOf(upstream, key).ClassifyTextAsync(body, request);
            using var response = result.GetRawResponse();
            return response.Status switch
            {
                StatusCodes.Status200OK => ModerationResults.Read(await ReadAsync(response, cancellationToken), expected, options.Value.Thresholds),
                StatusCodes.Status400BadRequest => null,
                _ => throw new ModerationUnavailableException($"it answered {response.Status}"),
            };
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or ClientResultException or JsonException or InvalidOperationException)
        {
            // The type alone: a message may quote what was sent.
            throw new ModerationUnavailableException(exception.GetType().Name);
        }
    }

#pragma warning disable OPENAI001 // The package marks every client with an authentication policy as experimental; its version is pinned.
    private ModerationClient ClientOf(Upstream upstream, string key) => new(
        options.Value.Model,
        new KeyPolicy(upstream.CredentialHeader, upstream.CredentialPrefix + key),
        new OpenAIClientOptions
        {
            Endpoint = new Uri(upstream.BaseUrl),
            Transport = new HttpClientPipelineTransport(_http),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = options.Value.Timeout,
            EnableDistributedTracing = false,
            ClientLoggingOptions = new ClientLoggingOptions { EnableLogging = false },
        });
#pragma warning restore OPENAI001

    private BinaryData BodyOf(Action<Utf8JsonWriter> writeInput)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("model", options.Value.Model);
            json.WriteStartArray("input");
            writeInput(json);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return BinaryData.FromBytes(stream.ToArray());
    }

    private static async Task<ReadOnlyMemory<byte>> ReadAsync(PipelineResponse response, CancellationToken cancellationToken)
    {
        var content = response.ContentStream ?? throw new ModerationUnavailableException("the answer is empty");
        var answer = new MemoryStream();
        var buffer = new byte[16 * 1024];
        while (await content.ReadAsync(buffer, cancellationToken) is var read and > 0)
        {
            answer.Write(buffer, 0, read);
            if (answer.Length > LongestAnswer)
            {
                throw new ModerationUnavailableException("the answer is too long");
            }
        }

        return answer.ToArray();
    }

    /// <summary>The client wants a handler of its own to wrap; this one passes on to the gateway's connections.</summary>
    private sealed class Connections(HttpMessageInvoker invoker) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            invoker.SendAsync(request, cancellationToken);
    }

    /// <summary>Puts the key where the upstream wants it.</summary>
    private sealed class KeyPolicy(string header, string value) : AuthenticationPolicy
    {
        public override void Process(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            message.Request.Headers.Set(header, value);
            ProcessNext(message, pipeline, currentIndex);
        }

        public override ValueTask ProcessAsync(PipelineMessage message, IReadOnlyList<PipelinePolicy> pipeline, int currentIndex)
        {
            message.Request.Headers.Set(header, value);
            return ProcessNextAsync(message, pipeline, currentIndex);
        }
    }
}

/// <summary>The moderation endpoint said nothing that counts as a verdict.</summary>
internal sealed class ModerationUnavailableException(string message) : Exception(message);
