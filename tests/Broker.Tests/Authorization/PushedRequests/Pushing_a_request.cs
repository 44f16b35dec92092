using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.PushedRequests;

/// <summary>Checklist 8: what the PAR endpoint takes and from whom (RFC 9126, section 2).</summary>
[Trait("Checklist", "8")]
public sealed class Pushing_a_request(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData(BrokerHost.AppId)]
    [InlineData(BrokerHost.PublicAppId)]
    [InlineData(BrokerHost.ParAppId)]
    public async Task Is_offered_to_every_app(string clientId)
    {
        using var response = await new OAuthApp(Broker, clientId).PushAsync();

        response.StatusCode.Should().Be(HttpStatusCode.Created);
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        var json = await response.Content.ReadFromJsonAsync<JsonElement>();
        json.GetProperty("request_uri").GetString().Should().StartWith("urn:ietf:params:oauth:request_uri:");
        json.GetProperty("expires_in").GetInt32().Should().BeInRange(85, 90);
    }

    [Fact]
    public async Task Is_announced()
    {
        using var http = Broker.NewClient();

        var metadata = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");

        metadata.GetProperty("pushed_authorization_request_endpoint").GetString().Should().Be(Broker.Address + "/connect/par");
    }

    [Fact]
    public async Task Is_refused_without_the_apps_secret()
    {
        using var response = await new OAuthApp(Broker) { Secret = null }.PushAsync();

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_client");
    }

    [Fact]
    public async Task Is_refused_with_a_wrong_secret()
    {
        using var response = await new OAuthApp(Broker) { Secret = BrokerHost.OtherAppSecret }.PushAsync();

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_client");
    }

    public static TheoryData<string, string?, string> Wrong => new()
    {
        { "redirect_uri", "https://evil.example/callback", "invalid_request" },
        { "redirect_uri", null, "invalid_request" },
        { "code_challenge", null, "invalid_request" },
        { "code_challenge_method", "plain", "invalid_request" },
        { "response_type", "token", "unsupported_response_type" },
        { "scope", "openai:everything", "invalid_scope" },
        { "request_uri", "urn:ietf:params:oauth:request_uri:another", "invalid_request" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task Is_refused_there_and_then_where_the_request_is_wrong(string parameter, string? value, string error)
    {
        using var response = await new OAuthApp(Broker).PushAsync(new() { [parameter] = value });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be(error);
    }

    [Fact]
    public async Task Is_refused_to_an_app_without_the_code_flow()
    {
        using var response = await new OAuthApp(Broker, BrokerHost.DeviceAppId).PushAsync();

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_request", "it has no redirect URI");
    }

    [Fact]
    public async Task Must_be_a_post()
    {
        using var http = Broker.NewClient();

        using var response = await http.GetAsync("/connect/par?client_id=public-app");

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
    }

    [Theory]
    [InlineData("00:00:59")]
    [InlineData("00:05:01")]
    [InlineData("01:00:00")]
    public async Task Cannot_be_given_a_longer_or_shorter_life_than_is_sound(string lifetime)
    {
        var start = async () => await BrokerHost.StartAsync(new() { ["PushedRequests:Lifetime"] = lifetime });

        (await start.Should().ThrowAsync<Microsoft.Extensions.Options.OptionsValidationException>()).WithMessage("*PushedRequests:Lifetime*");
    }
}
