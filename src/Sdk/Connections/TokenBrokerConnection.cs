using System.ClientModel.Primitives;

using OpenAI;
using OpenAI.Chat;

using TokenBroker.Sdk.Connections;
using TokenBroker.Sdk.Gateway;

namespace TokenBroker.Sdk;

/// <summary>
/// The current user's connection to their own AI account. Inject it where an <c>OpenAIClient</c> with an API key was used:
/// <c>new ChatClient(model, apiKey)</c> becomes <c>connection.CreateChatClient(model)</c>.
/// </summary>
/// <remarks>
/// Scoped. It belongs to the signed-in user of the request (<see cref="TokenBrokerOptions.UserId"/>), else to the browser.
/// Methods that need tokens throw <see cref="ConsentRequiredException"/> when the user has not connected,
/// <see cref="GrantRevokedException"/> when access has ended, and <see cref="TokenBrokerException"/> when the broker could
/// not be asked.
/// </remarks>
public sealed class TokenBrokerConnection
{
    private readonly Lazy<string?> connectionId;
    private readonly AccessTokens tokens;
    private readonly IHttpClientFactory http;
    private readonly TokenBrokerOptions options;

    internal TokenBrokerConnection(Lazy<string?> connectionId, AccessTokens tokens, IHttpClientFactory http, TokenBrokerOptions options)
    {
        this.connectionId = connectionId;
        this.tokens = tokens;
        this.http = http;
        this.options = options;
    }

    /// <summary>
    /// Whether tokens are stored. Asks the store only: access that the user has ended at the broker shows at the next call,
    /// as <see cref="GrantRevokedException"/>.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>True when the user has connected and has not been seen to end it.</returns>
    public async Task<bool> IsConnectedAsync(CancellationToken cancellationToken = default) =>
        await tokens.PeekAsync(connectionId.Value, cancellationToken) is not null;

    /// <summary>What the user granted; null when not connected. Asks the store only.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The scopes and times of the grant.</returns>
    public async Task<GrantInfo?> GetGrantAsync(CancellationToken cancellationToken = default) =>
        await tokens.PeekAsync(connectionId.Value, cancellationToken) is { } stored
            ? new GrantInfo(stored.Scopes, stored.ConnectedAt, stored.ExpiresAt, stored.RefreshToken is not null)
            : null;

    /// <summary>
    /// An access token for <c>{Authority}/openai/v1</c>, for clients other than openai-dotnet. Valid for 30 minutes at
    /// most and opaque: send it as <c>Authorization: Bearer</c> to the broker only, and do not store or log it.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait, not a refresh that others share.</param>
    /// <returns>The token, refreshed where its end was near.</returns>
    /// <exception cref="ConsentRequiredException">The user has not connected, or access has ended.</exception>
    /// <exception cref="TokenBrokerException">The broker could not be asked, or refused this app.</exception>
    public async Task<string> GetAccessTokenAsync(CancellationToken cancellationToken = default) =>
        (await tokens.GetAsync(connectionId.Value, rejected: null, cancellationToken)).AccessToken.Reveal();

    /// <summary>
    /// An <see cref="OpenAIClient"/> that works on the user's account through the broker. Creating it makes no call; the
    /// token is put on each request, so the client may be kept for as long as the user's work lasts, but never shared
    /// between users. Prefer its asynchronous methods: the others block a thread while a token is refreshed.
    /// </summary>
    /// <param name="configure">Changes options such as <c>RetryPolicy</c> or <c>NetworkTimeout</c>. Leave
    /// <c>Endpoint</c>: a request to another host throws <see cref="InvalidOperationException"/> before it is sent.</param>
    /// <returns>A client whose calls throw <see cref="TokenBrokerException"/> and its subclasses for what the broker
    /// refuses.</returns>
    public OpenAIClient CreateOpenAIClient(Action<OpenAIClientOptions>? configure = null)
    {
        var (authentication, client) = Pipeline(configure);
        return new OpenAIClient(authentication, client);
    }

    /// <summary>A <see cref="ChatClient"/> on the user's account; otherwise as <see cref="CreateOpenAIClient"/>.</summary>
    /// <param name="model">The model, for example <c>gpt-4o-mini</c>; the user may allow some models only.</param>
    /// <param name="configure">Changes options such as <c>RetryPolicy</c>.</param>
    /// <returns>A client for chat completions; the user must have granted <c>openai:chat</c>.</returns>
    public ChatClient CreateChatClient(string model, Action<OpenAIClientOptions>? configure = null)
    {
        var (authentication, client) = Pipeline(configure);
        return new ChatClient(model, authentication, client);
    }

    /// <summary>Revokes the grant at the broker (RFC 7009) and drops the tokens. Open streams of the user end as well.</summary>
    /// <param name="cancellationToken">Ends the wait for the store; the revocation itself is not cancelled.</param>
    /// <returns>True when done, or when nothing was connected; false when the tokens were dropped but the broker could not
    /// be told, so that the user should end the grant in the portal.</returns>
    public async Task<bool> DisconnectAsync(CancellationToken cancellationToken = default) =>
        connectionId.Value is not { } id || await tokens.DisconnectAsync(id, cancellationToken);

    private (AuthenticationPolicy Authentication, OpenAIClientOptions Options) Pipeline(Action<OpenAIClientOptions>? configure)
    {
        var httpClient = http.CreateClient(TokenBrokerDefaults.HttpClientName);
        httpClient.Timeout = Timeout.InfiniteTimeSpan; // the pipeline's NetworkTimeout rules; a stream may last for minutes
        var client = new OpenAIClientOptions { Endpoint = options.GatewayUri, Transport = new HttpClientPipelineTransport(httpClient) };
        configure?.Invoke(client);
        client.AddPolicy(new GatewayErrorPolicy(options.AuthorityUri), PipelinePosition.PerCall);
        return (new GatewayAuthenticationPolicy(tokens, connectionId.Value, options.GatewayUri), client);
    }
}
