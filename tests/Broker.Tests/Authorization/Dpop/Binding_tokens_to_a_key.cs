using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Dpop;

/// <summary>Checklist 9: RFC 9449, sections 5 and 10.</summary>
[Trait("Checklist", "9")]
public sealed class Binding_tokens_to_a_key(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Names_the_token_type()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);

        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        using var refresh = await (await prover.AppAsync()).RefreshAsync(tokens.RefreshToken);
        var without = await new OAuthApp(Broker, BrokerHost.PublicAppId).ConnectAsync(person);

        tokens.Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
        (await OAuthApp.ReadAsync(refresh)).Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
        without.Raw.GetProperty("token_type").GetString().Should().Be("Bearer");
    }

    [Fact]
    public async Task Refuses_a_public_apps_refresh_token_with_another_key_and_with_none()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        OAuthApp[] thieves = [await new Prover(Broker).AppAsync(), new OAuthApp(Broker, BrokerHost.PublicAppId)];

        foreach (var thief in thieves)
        {
            using var stolen = await thief.RefreshAsync(tokens.RefreshToken);
            (await OAuthApp.ErrorAsync(stolen)).Should().Be("invalid_grant");
        }

        using var owner = await (await prover.AppAsync()).RefreshAsync(tokens.RefreshToken);
        owner.StatusCode.Should().Be(HttpStatusCode.OK, "the thieves used up nothing");
    }

    [Fact]
    public async Task Does_not_let_a_thief_without_the_key_end_the_grant()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var app = await prover.AppAsync();
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);
        using var second = await app.RefreshAsync((await OAuthApp.ReadAsync(first)).RefreshToken);
        var last = await OAuthApp.ReadAsync(second);

        foreach (var thief in (OAuthApp[])[await new Prover(Broker).AppAsync(), new OAuthApp(Broker, BrokerHost.PublicAppId)])
        {
            using var stolen = await thief.RefreshAsync(tokens.RefreshToken);
            (await OAuthApp.ErrorAsync(stolen)).Should().Be("invalid_grant");
        }

        (await prover.CallAsync(last.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(BrokerHost.PublicAppId)]
    [InlineData(BrokerHost.AppId)]
    public async Task Answers_a_retry_of_a_refresh_with_the_same_key_alone(string clientId)
    {
        // However long the others take before it, the retry comes inside the leeway: this clock stands still.
        await using var broker = await BrokerHost.StartAsync(clock: new FakeTimeProvider(TimeProvider.System.GetUtcNow()));
        using var person = await Person.WithKeyAsync(broker);
        var app = await new Prover(broker).AppAsync(clientId);
        var tokens = await app.ConnectAsync(person);
        using var first = await app.RefreshAsync(tokens.RefreshToken);

        using var otherKey = await (await new Prover(broker).AppAsync(clientId)).RefreshAsync(tokens.RefreshToken);
        using var noKey = await new OAuthApp(broker, clientId).RefreshAsync(tokens.RefreshToken);
        using var retry = await app.RefreshAsync(tokens.RefreshToken);

        (await OAuthApp.ErrorAsync(otherKey)).Should().Be("invalid_grant");
        (await OAuthApp.ErrorAsync(noKey)).Should().Be("invalid_grant");
        (await retry.Content.ReadAsByteArrayAsync()).Should().Equal(await first.Content.ReadAsByteArrayAsync());
    }

    [Fact]
    public async Task Lets_an_app_with_a_secret_change_its_key()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await (await new Prover(Broker).AppAsync(BrokerHost.AppId)).ConnectAsync(person);
        var next = new Prover(Broker);

        using var refresh = await (await next.AppAsync(BrokerHost.AppId)).RefreshAsync(tokens.RefreshToken);

        var renewed = await OAuthApp.ReadAsync(refresh);
        (await next.CallAsync(renewed.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);
        (await next.CallAsync(tokens.AccessToken)).StatusCode.Should().Be(HttpStatusCode.Unauthorized, "the first token stays with the first key");
    }

    [Fact]
    public async Task Gives_an_app_that_must_prove_a_key_nothing_without()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, BrokerHost.BoundAppId);
        var code = await app.CodeAsync(person);

        using var without = await app.ExchangeAsync(code);
        (await OAuthApp.ErrorAsync(without)).Should().Be("invalid_dpop_proof");
        Prover.NonceOf(without).Should().NotBeNull();

        var prover = new Prover(Broker);
        var proving = await prover.AppAsync(BrokerHost.BoundAppId);
        proving.Verifier = app.Verifier;
        using var with = await proving.ExchangeAsync(code);
        var tokens = await OAuthApp.ReadAsync(with);
        tokens.Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
        using var refresh = await app.RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(refresh)).Should().Be("invalid_grant");
    }

    [Fact]
    public async Task Binds_the_code_to_the_key_that_the_request_named()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var asking = new OAuthApp(Broker, BrokerHost.PublicAppId) { More = new() { ["dpop_jkt"] = prover.Key.Thumbprint } };
        var code = await asking.CodeAsync(person);

        using var without = await asking.ExchangeAsync(code);
        (await OAuthApp.ErrorAsync(without)).Should().Be("invalid_dpop_proof");

        var thief = await new Prover(Broker).AppAsync();
        thief.Verifier = asking.Verifier;
        using var stolen = await thief.ExchangeAsync(code);
        (await OAuthApp.ErrorAsync(stolen)).Should().Be("invalid_grant");

        var app = await prover.AppAsync();
        app.Verifier = asking.Verifier;
        using var owner = await app.ExchangeAsync(code);
        (await OAuthApp.ReadAsync(owner)).Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
    }

    [Theory]
    [InlineData("")]
    [InlineData("short")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")]
    public async Task Refuses_a_request_that_names_no_real_thumbprint(string thumbprint)
    {
        using var person = await Person.SignedUpAsync(Broker);

        using var response = await person.GetAsync(new OAuthApp(Broker, BrokerHost.PublicAppId) { More = new() { ["dpop_jkt"] = thumbprint } }.AuthorizeUrl());

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await response.Content.ReadAsStringAsync()).Should().Contain("dpop_jkt");
    }

    [Fact]
    public async Task Refuses_a_request_that_names_two_keys()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var url = new OAuthApp(Broker, BrokerHost.PublicAppId).AuthorizeUrl()
            + $"&dpop_jkt={SigningKey.New().Thumbprint}&dpop_jkt={SigningKey.New().Thumbprint}";

        using var response = await person.GetAsync(url);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest, "the consent page must not be shown");
    }

    [Fact]
    public async Task Is_announced()
    {
        var discovery = await DiscoveryAsync();

        discovery.GetProperty("dpop_signing_alg_values_supported").EnumerateArray().Select(e => e.GetString())
            .Should().Equal("ES256", "ES384", "RS256", "PS256");
    }

    [Fact]
    public async Task Takes_the_key_of_a_pushed_request_from_its_proof()
    {
        var endpoint = await EndpointAsync("pushed_authorization_request_endpoint");
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var app = await prover.AppAsync();
        using var pushed = await app.PostAsync(endpoint, Pushed(app));
        pushed.StatusCode.Should().Be(HttpStatusCode.Created, await pushed.Content.ReadAsStringAsync());
        var code = await CodeOfAsync(person, app, pushed);

        var thief = await new Prover(Broker).AppAsync();
        thief.Verifier = app.Verifier;
        using var stolen = await thief.ExchangeAsync(code);
        using var owner = await app.ExchangeAsync(code);

        (await OAuthApp.ErrorAsync(stolen)).Should().Be("invalid_grant");
        (await OAuthApp.ReadAsync(owner)).Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
    }

    [Fact]
    public async Task Refuses_a_pushed_request_that_names_another_key_than_it_proves()
    {
        var endpoint = await EndpointAsync("pushed_authorization_request_endpoint");
        var app = await new Prover(Broker).AppAsync();
        var form = Pushed(app);
        form["dpop_jkt"] = SigningKey.New().Thumbprint;

        using var pushed = await app.PostAsync(endpoint, form);

        (await OAuthApp.ErrorAsync(pushed)).Should().Be("invalid_dpop_proof");
    }

    [Fact]
    public async Task Refuses_a_pushed_request_with_a_proof_for_the_token_endpoint_or_a_used_one()
    {
        var endpoint = await EndpointAsync("pushed_authorization_request_endpoint");
        var app = await new Prover(Broker).AppAsync(change: d => d.Payload["htu"] = Broker.Address + "/connect/token");
        using var foreign = await app.PostAsync(endpoint, Pushed(app));
        (await OAuthApp.ErrorAsync(foreign)).Should().Be("invalid_dpop_proof");

        app = await new Prover(Broker).AppAsync(change: d => d.Payload["jti"] = "pushed-twice");
        using var first = await app.PostAsync(endpoint, Pushed(app));
        using var second = await app.PostAsync(endpoint, Pushed(app));
        first.StatusCode.Should().Be(HttpStatusCode.Created);
        (await OAuthApp.ErrorAsync(second)).Should().Be("invalid_dpop_proof");
    }

    [Fact]
    public async Task Shows_in_introspection()
    {
        var endpoint = await EndpointAsync("introspection_endpoint");
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync(BrokerHost.AppId)).ConnectAsync(person);

        using var response = await new OAuthApp(Broker).PostAsync(endpoint, new() { ["token"] = tokens.AccessToken });

        var json = await response.Content.ReadFromJsonAsync<JsonElement>();
        json.GetProperty("active").GetBoolean().Should().BeTrue();
        json.GetProperty("token_type").GetString().Should().Be("DPoP");
        json.GetProperty("cnf").GetProperty("jkt").GetString().Should().Be(prover.Key.Thumbprint);
    }

    private static Dictionary<string, string?> Pushed(OAuthApp app) => new()
    {
        ["client_id"] = app.ClientId,
        ["response_type"] = "code",
        ["redirect_uri"] = BrokerHost.RedirectUri,
        ["scope"] = OAuthApp.DefaultScope,
        ["state"] = app.State,
        ["code_challenge"] = app.Challenge,
        ["code_challenge_method"] = "S256",
    };

    private static async Task<string> CodeOfAsync(Person person, OAuthApp app, HttpResponseMessage pushed)
    {
        var requestUri = (await pushed.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("request_uri").GetString()!;
        var url = $"/connect/authorize?client_id={app.ClientId}&request_uri={Uri.EscapeDataString(requestUri)}";
        var page = await person.ArriveAsync(url);
        using var response = await person.SubmitAsync(page, url, new() { ["Form.Decision"] = "approve" });
        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        return Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(response.Headers.Location!.Query)["code"].ToString();
    }

    private async Task<string> EndpointAsync(string name)
    {
        Assert.SkipUnless((await DiscoveryAsync()).TryGetProperty(name, out var endpoint), $"There is no {name} here.");
        return new Uri(endpoint.GetString()!).AbsolutePath;
    }

    private async Task<JsonElement> DiscoveryAsync()
    {
        using var http = Broker.NewClient();
        return await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");
    }
}
