using System.Net;
using System.Net.Http.Headers;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>Checklist 5: the code flow, and nothing beside it.</summary>
[Trait("Checklist", "5")]
public sealed class Refusing_other_flows(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("token")]
    [InlineData("id_token")]
    [InlineData("id_token token")]
    [InlineData("code token")]
    [InlineData("code id_token")]
    [InlineData("code id_token token")]
    [InlineData("none")]
    [InlineData("nonsense")]
    public async Task Refuses_implicit_and_hybrid(string responseType)
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(
            OAuthApp.DefaultScope + " openid", new() { ["response_type"] = responseType, ["nonce"] = "n" }));

        (await ErrorPage.ReadAsync(response)).Should().Contain("response_type");
    }

    [Theory]
    [InlineData("fragment")]
    [InlineData("form_post")]
    [InlineData("query.jwt")]
    public async Task Answers_in_the_query_alone(string responseMode)
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["response_mode"] = responseMode }));

        (await ErrorPage.ReadAsync(response)).Should().Contain("response_mode");
    }

    [Theory]
    [InlineData("password")]
    [InlineData("client_credentials")]
    [InlineData("implicit")]
    [InlineData("urn:ietf:params:oauth:grant-type:jwt-bearer")]
    [InlineData("nonsense")]
    public async Task Refuses_other_grant_types(string grantType)
    {
        using var person = await Person.WithKeyAsync(Broker);

        using var response = await new OAuthApp(Broker).TokenAsync(new()
        {
            ["grant_type"] = grantType,
            ["username"] = person.Email,
            ["password"] = Person.Password,
            ["scope"] = "openai:chat",
        });

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("unsupported_grant_type");
    }

    [Fact]
    public async Task Takes_no_token_from_a_query_or_a_form()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);
        var anonymous = new Api(Broker, accessToken: null);

        using var inQuery = await anonymous.GetAsync("/models?access_token=" + Uri.EscapeDataString(tokens.AccessToken));
        using var inForm = await anonymous.SendAsync(
            HttpMethod.Post, "/chat/completions", new FormUrlEncodedContent([new("access_token", tokens.AccessToken)]));

        inQuery.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        inForm.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Takes_neither_a_refresh_token_nor_a_code_nor_an_id_token_for_an_access_token()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var tokens = await app.ConnectAsync(person, OAuthApp.DefaultScope + " openid");
        var code = await new OAuthApp(Broker).CodeAsync(person);

        foreach (var notAnAccessToken in (string[])[tokens.RefreshToken, code, tokens.Raw.GetProperty("id_token").GetString()!, "x"])
        {
            using var response = await new Api(Broker, notAnAccessToken).GetAsync("/models");
            response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task Offers_no_cross_origin_access_to_the_authorization_endpoint()
    {
        using var person = await Person.WithKeyAsync(Broker);
        using var request = new HttpRequestMessage(HttpMethod.Get, new OAuthApp(Broker).AuthorizeUrl());
        request.Headers.Add("Origin", "https://app.example");

        using var response = await person.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Headers.Where(h => h.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase)).Should().BeEmpty();
        using var preflight = new HttpRequestMessage(HttpMethod.Options, "/connect/authorize");
        preflight.Headers.Add("Origin", "https://app.example");
        preflight.Headers.Add("Access-Control-Request-Method", "POST");
        using var answer = await person.SendAsync(preflight);
        answer.Headers.Where(h => h.Key.StartsWith("Access-Control-", StringComparison.OrdinalIgnoreCase)).Should().BeEmpty();
    }

    [Fact]
    public async Task Takes_no_token_request_by_GET()
    {
        using var http = Broker.NewClient();
        http.DefaultRequestHeaders.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));

        using var response = await http.GetAsync(new Uri("/connect/token?grant_type=refresh_token&refresh_token=x&client_id=public-app", UriKind.Relative));

        response.IsSuccessStatusCode.Should().BeFalse();
    }
}
