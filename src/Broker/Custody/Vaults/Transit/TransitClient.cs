using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;

namespace TokenBroker.Custody.Vaults.Transit;

/// <summary>
/// The HTTP interface of Vault's Transit engine: asks with the token of the moment, bounds the answer, and says in
/// Custody's own terms what a failure means. The token goes to the configured address alone. An answer may hold a data
/// key: its buffer is cleared once it was read.
/// </summary>
/// <remarks>https://developer.hashicorp.com/vault/api-docs/secret/transit, https://openbao.org/api-docs/secret/transit</remarks>
internal sealed class TransitClient(TransitKeyName name, Func<CancellationToken, Task<string>> token, VaultTransport transport) : IDisposable
{
    private readonly HttpClient _http = new(transport.Handler, disposeHandler: false) { Timeout = Timeout.InfiniteTimeSpan };

    /// <param name="method">The method.</param>
    /// <param name="uri">At the vault.</param>
    /// <param name="body">JSON, which the caller clears; empty for none.</param>
    /// <param name="read">Reads the answer; null where it cannot be what the vault says.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="BadRequestException">The vault answered 400; what that means, the caller knows.</exception>
    /// <inheritdoc cref="IKeyVault" path="/remarks"/>
    public async Task<T> SendAsync<T>(HttpMethod method, Uri uri, byte[] body, Func<JsonElement?, T?> read, CancellationToken cancellationToken)
        where T : class
    {
        using var request = new HttpRequestMessage(method, uri);
        request.Headers.Add("X-Vault-Request", "true");
        request.Headers.Add("X-Vault-Token", await token(cancellationToken));
        if (name.Namespace is not null)
        {
            request.Headers.Add("X-Vault-Namespace", name.Namespace);
        }

        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        }

        var (response, answer) = await SendAsync(request, cancellationToken);
        using var received = response;
        try
        {
            using var document = VaultAnswer.Parse(answer);
            return response.StatusCode switch
            {
                HttpStatusCode.OK => read(document?.RootElement) ?? throw Unusable(),
                HttpStatusCode.NoContent => read(null) ?? throw Unusable(),
                _ => throw Failure(response, document?.RootElement),
            };
        }
        finally
        {
            CryptographicOperations.ZeroMemory(answer);
        }
    }

    public void Dispose() => _http.Dispose();

    private async Task<(HttpResponseMessage Response, byte[] Answer)> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        HttpResponseMessage? response = null;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            await using var content = await response.Content.ReadAsStreamAsync(cancellationToken);
            return (response, await VaultAnswer.ReadAsync(content, cancellationToken) ?? throw Unusable());
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            response?.Dispose();
            throw new VaultUnavailableException($"{name.Address.Authority} cannot be reached: {VaultTransport.Quote(exception.Message)}", null, exception);
        }
        catch
        {
            response?.Dispose();
            throw;
        }
    }

    private VaultUnavailableException Unusable() =>
        new($"{name.Address.Authority} answered with something that is not what Transit answers about this key; nothing of it was used.");

    private Exception Failure(HttpResponseMessage response, JsonElement? body)
    {
        var errors = string.Join("; ", body.Member("errors").Items()?.Select(error => ((JsonElement?)error).Text()) ?? []);
        var status = (int)response.StatusCode;
        var said = $"{name.Address.Authority} answered {status}: {VaultTransport.Quote(errors)}";
        return status switch
        {
            400 => new BadRequestException(said),
            404 => new KeyNotFoundException($"{said} There is no key '{name.Key}' under '{name.Mount}'{(name.Namespace is null ? "" : $" in the namespace '{name.Namespace}'")}."),
            401 or 403 => new VaultRefusedException(said + " See that the token is live and its policy allows encrypt, decrypt and reading the key."),
            503 => new VaultUnavailableException(said + " It may be sealed.", RetryAfterOf(response)),
            408 or 412 or 429 or 472 or 473 or >= 500 => new VaultUnavailableException(said, RetryAfterOf(response)),
            >= 300 and < 400 => new VaultUnavailableException(said + " A redirect is not followed, since the token would go with it; configure the address of the active node."),
            _ => new VaultRefusedException(said),
        };
    }

    private static TimeSpan? RetryAfterOf(HttpResponseMessage response) =>
        response.Headers.RetryAfter?.Delta is { } delta && delta >= TimeSpan.Zero ? delta : null;

    internal sealed class BadRequestException(string message) : Exception(message);
}
