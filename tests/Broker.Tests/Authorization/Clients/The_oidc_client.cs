using System.ClientModel;
using System.ClientModel.Primitives;
using Duende.IdentityModel.Client;
using Duende.IdentityModel.OidcClient;
using OpenAI;
using OpenAI.Chat;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Clients;

/// <summary><c>Duende.IdentityModel.OidcClient</c> from NuGet in a native app: it pushes its request, and listens on a loopback port.</summary>
public sealed class The_oidc_client(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Logs_in_calls_refreshes_and_revokes()
    {
        await using var browser = await LoopbackBrowser.StartAsync(Broker);
        var client = await ClientOfAsync(browser);

        var login = await client.LoginAsync(new LoginRequest());

        login.Error.Should().BeNull(login.ErrorDescription);
        login.User.FindFirst("sub")!.Value.Should().NotBeNullOrEmpty();
        login.TokenResponse.TokenType.Should().Be("Bearer");
        login.TokenResponse.TryGet("authorization_details").Should().Contain("model_access");
        (await AskAsync(login.AccessToken)).Should().Be(Reply.To("Hello"));

        var refreshed = await client.RefreshTokenAsync(login.RefreshToken);

        refreshed.Error.Should().BeNull(refreshed.ErrorDescription);
        refreshed.AccessToken.Should().NotBe(login.AccessToken);
        refreshed.RefreshToken.Should().NotBe(login.RefreshToken);
        (await AskAsync(refreshed.AccessToken)).Should().Be(Reply.To("Hello"));

        await RevokeAsync(client, refreshed.RefreshToken);

        var call = () => AskAsync(refreshed.AccessToken);
        (await call.Should().ThrowAsync<ClientResultException>()).Which.Status.Should().Be(401);
        (await client.RefreshTokenAsync(refreshed.RefreshToken)).Error.Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Refreshes_by_itself_behind_an_unmodified_OpenAI_client()
    {
        await using var browser = await LoopbackBrowser.StartAsync(Broker);
        var client = await ClientOfAsync(browser);
        var login = await client.LoginAsync(new LoginRequest());
        login.Error.Should().BeNull(login.ErrorDescription);
        var handler = (RefreshTokenDelegatingHandler)login.RefreshTokenHandler;
        using var http = new HttpClient(handler);
        var chat = new ChatClient("gpt-4o-mini", new ApiKeyCredential("in the handler"), new OpenAIClientOptions
        {
            Endpoint = new Uri(Broker.Address + "/openai/v1"),
            Transport = new HttpClientPipelineTransport(http),
        });
        (await chat.CompleteChatAsync("Hello")).Value.Content[0].Text.Should().Be(Reply.To("Hello"));

        // As if its half hour were over: the gateway says invalid_token, and the handler asks for the next.
        await RevokeAsync(client, login.AccessToken);

        (await chat.CompleteChatAsync("Hello again")).Value.Content[0].Text.Should().Be(Reply.To("Hello again"));
        handler.AccessToken.Should().NotBe(login.AccessToken);
    }

    private async Task<OidcClient> ClientOfAsync(LoopbackBrowser browser)
    {
        var app = await ClientApp.RegisterAsync(Broker, "Desk", a =>
        {
            a.ApplicationType = "native";
            a.RedirectUris = ["http://127.0.0.1/callback"];
        });
        var options = new OidcClientOptions
        {
            Authority = Broker.Address,
            ClientId = app.ClientId,
            Scope = "openid offline_access openai:models openai:chat",
            RedirectUri = browser.RedirectUri,
            Browser = browser,
            IdentityTokenValidator = new SignedIdentityTokens(),
            LoadProfile = false,
            RefreshTokenInnerHttpHandler = new SocketsHttpHandler(),
        };
        options.Policy.RequireAccessTokenHash = true;
        options.Policy.RequireIdentityTokenSignature = true;
        return new OidcClient(options);
    }

    private async Task<string> AskAsync(string accessToken)
    {
        var chat = new ChatClient("gpt-4o-mini", new ApiKeyCredential(accessToken), new OpenAIClientOptions { Endpoint = new Uri(Broker.Address + "/openai/v1") });
        return (await chat.CompleteChatAsync("Hello")).Value.Content[0].Text;
    }

    /// <summary>OidcClient leaves revocation to the package below it.</summary>
    private async Task RevokeAsync(OidcClient client, string token)
    {
        using var http = new HttpClient();
        var discovered = await http.GetDiscoveryDocumentAsync(Broker.Address);
        discovered.IsError.Should().BeFalse(discovered.Error);
        var revoked = await http.RevokeTokenAsync(new TokenRevocationRequest
        {
            Address = discovered.RevocationEndpoint,
            ClientId = client.Options.ClientId,
            Token = token,
        });
        revoked.IsError.Should().BeFalse(revoked.Error);
    }
}
