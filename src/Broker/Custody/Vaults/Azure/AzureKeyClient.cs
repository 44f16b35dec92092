using System.Security.Cryptography;
using System.Text.Json;
using Azure;
using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Identity;

namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// Key Vault's REST interface on Azure.Core's pipeline: asks, bounds the answer, and says in Custody's own terms what a
/// failure means. An answer may hold a data key: its buffer is cleared once it was read.
/// </summary>
internal sealed class AzureKeyClient
{
    public const string ApiVersion = "7.6";
    private readonly HttpPipeline _pipeline;
    private readonly string _host;

    public AzureKeyClient(string host, TokenCredential credential, VaultTransport transport)
    {
        _host = host;
        var options = new Options
        {
            Transport = new HttpClientTransport(new HttpClient(transport.Handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan }),
            RetryPolicy = new OneRetry(),
        };
        options.Diagnostics.IsLoggingContentEnabled = false;
        options.Diagnostics.IsTelemetryEnabled = false;
        _pipeline = HttpPipelineBuilder.Build(options, new AzureChallengePolicy(credential, host));
    }

    /// <param name="method">The method.</param>
    /// <param name="uri">On the vault's host.</param>
    /// <param name="body">JSON, which the caller clears; empty for none.</param>
    /// <param name="read">Reads the answer; null where it cannot be what the vault says.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <param name="once">Whether it must not be sent again where the answer got lost.</param>
    /// <exception cref="BadRequestException">The vault answered 400; what that means, the caller knows.</exception>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<T> SendAsync<T>(
        RequestMethod method, Uri uri, ReadOnlyMemory<byte> body, Func<JsonElement?, T?> read, CancellationToken cancellationToken, bool once = false)
        where T : class
    {
        using var message = _pipeline.CreateMessage();
        message.BufferResponse = false;
        message.Request.Method = method;
        message.Request.Uri.Reset(uri);
        message.Request.Headers.Add("Accept", "application/json");
        if (!body.IsEmpty)
        {
            message.Request.Headers.Add("Content-Type", "application/json");
            message.Request.Content = RequestContent.Create(body);
        }

        if (once)
        {
            message.SetProperty(typeof(OneRetry), true);
        }

        var answer = await AnswerAsync(message, cancellationToken) ?? throw Unusable();
        try
        {
            using var document = VaultAnswer.Parse(answer);
            if (message.Response.Status is not (>= 200 and < 300))
            {
                throw Failure(message.Response, document?.RootElement);
            }

            if (!message.Request.Headers.Contains("Authorization"))
            {
                throw new VaultUnavailableException($"{_host} did not ask for a token; is it a key vault?");
            }

            return read(document?.RootElement) ?? throw Unusable();
        }
        finally
        {
            CryptographicOperations.ZeroMemory(answer);
        }
    }

    private VaultUnavailableException Unusable() =>
        new($"{_host} answered with something that is not what a key vault answers about this key; nothing of it was used.");

    private async Task<byte[]?> AnswerAsync(HttpMessage message, CancellationToken cancellationToken)
    {
        try
        {
            await _pipeline.SendAsync(message, cancellationToken);
            return message.Response.ContentStream is { } content ? await VaultAnswer.ReadAsync(content, cancellationToken) : [];
        }
        catch (AuthenticationFailedException exception)
        {
            throw IsOutage(exception)
                ? new VaultUnavailableException($"No token for {_host} could be had: {VaultTransport.Quote(exception.Message)}", null, exception)
                : new VaultRefusedException($"No token for {_host} could be had: {VaultTransport.Quote(exception.Message)}", exception);
        }
        catch (Exception exception) when (exception is RequestFailedException or AggregateException or IOException && !cancellationToken.IsCancellationRequested)
        {
            var cause = exception is AggregateException { InnerExceptions: [.., var last] } ? last : exception;
            throw new VaultUnavailableException($"{_host} cannot be reached: {VaultTransport.Quote(cause.Message)}", null, exception);
        }
    }

    private Exception Failure(Response response, JsonElement? body)
    {
        var error = body.Member("error");
        var code = error.Member("innererror").Member("code").Text() ?? error.Member("code").Text();
        var said = $"{_host} answered {response.Status}{(code is null ? "" : $" ({VaultTransport.Quote(code)})")}: {VaultTransport.Quote(error.Member("message").Text())}";
        return response.Status switch
        {
            400 => new BadRequestException(said),
            404 => new KeyNotFoundException(said),
            408 or 429 or >= 500 => new VaultUnavailableException(said, RetryAfterOf(response)),
            >= 300 and < 400 => new VaultRefusedException(said + " A redirect is not followed, since the token would go with it."),
            401 => new VaultRefusedException(said + " See that the broker's identity is of the vault's tenant, and that the clock is right."),
            403 => new VaultRefusedException(said + " The broker needs get, wrapKey and unwrapKey on the key, and the key must be enabled."),
            _ => new VaultRefusedException(said),
        };
    }

    private static TimeSpan? RetryAfterOf(Response response) =>
        response.Headers.TryGetValue("Retry-After", out var text) && int.TryParse(text, System.Globalization.NumberStyles.None, null, out var seconds)
            ? TimeSpan.FromSeconds(seconds)
            : null;

    /// <summary>Whether the credential failed since nobody answered, or since somebody said no.</summary>
    private static bool IsOutage(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is HttpRequestException or IOException or TimeoutException or RequestFailedException { Status: 0 or 429 or >= 500 })
            {
                return true;
            }
        }

        return false;
    }

    internal sealed class BadRequestException(string message) : Exception(message);

    private sealed class Options : ClientOptions;

    /// <summary>One more try, at once, for what got lost on the way. What the vault asked to be spared is left to the breaker.</summary>
    private sealed class OneRetry() : RetryPolicy(maxRetries: 1, DelayStrategy.CreateFixedDelayStrategy(TimeSpan.FromMilliseconds(100)))
    {
        protected override async ValueTask<bool> ShouldRetryAsync(HttpMessage message, Exception? exception) =>
            !message.TryGetProperty(typeof(OneRetry), out _)
            && !(message.HasResponse && (message.Response.Status == 429 || message.Response.Headers.Contains("Retry-After")))
            && await base.ShouldRetryAsync(message, exception);
    }
}
