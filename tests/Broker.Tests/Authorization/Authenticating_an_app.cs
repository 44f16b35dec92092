using System.Net;
using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

public sealed class Authenticating_an_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Refuses_the_wrong_secret_the_others_secret_and_none()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);
        string?[] wrong = ["wrong", BrokerHost.OtherAppSecret, BrokerHost.AppSecret + "x", BrokerHost.AppSecret[..^1], "", null];

        foreach (var secret in wrong)
        {
            using var response = await new OAuthApp(Broker) { Secret = secret }.RefreshAsync(tokens.RefreshToken);

            ((int)response.StatusCode).Should().BeOneOf(400, 401);
            (await OAuthApp.ErrorAsync(response)).Should().BeOneOf(["invalid_client", "invalid_request"], "the secret was '{0}'", secret is null ? "none" : "wrong");
        }

        using var right = await new OAuthApp(Broker).RefreshAsync(tokens.RefreshToken);
        right.StatusCode.Should().Be(HttpStatusCode.OK, "failed tries use up nothing");
    }

    [Fact]
    public async Task Takes_the_secret_in_the_form_as_well()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);

        using var response = await new OAuthApp(Broker) { Secret = null }.RefreshAsync(
            tokens.RefreshToken, new() { ["client_secret"] = BrokerHost.AppSecret });

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Refuses_a_secret_from_an_app_that_has_none()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker, BrokerHost.PublicAppId).ConnectAsync(person);

        using var response = await new OAuthApp(Broker, BrokerHost.PublicAppId) { Secret = BrokerHost.AppSecret }.RefreshAsync(tokens.RefreshToken);

        response.StatusCode.Should().NotBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Does_not_exchange_a_code_without_the_secret()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);

        using var response = await new OAuthApp(Broker) { Secret = null, Verifier = app.Verifier }.ExchangeAsync(code);

        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_client");
    }

    [Fact]
    public async Task Keeps_secrets_as_one_sha256()
    {
        var rows = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().ToListAsync());

        var stored = rows.Single(a => a.ClientId == BrokerHost.AppId).ClientSecret;
        stored.Should().Be("sha256:" + Convert.ToBase64String(System.Security.Cryptography.SHA256.HashData(Encoding.UTF8.GetBytes(BrokerHost.AppSecret))));
        rows.Single(a => a.ClientId == BrokerHost.PublicAppId).ClientSecret.Should().BeNull();
        rows.Select(a => a.ClientSecret).Should().NotContain(s => s != null && s.Contains(BrokerHost.AppSecret));
    }
}
