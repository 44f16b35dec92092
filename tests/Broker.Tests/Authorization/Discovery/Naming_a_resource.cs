using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Discovery;

/// <summary>RFC 8707: what a client says a token is for must be what it will be for.</summary>
[Trait("Checklist", "7")]
public sealed class Naming_a_resource(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    public static TheoryData<string> NotOurs =>
    [
        "https://api.other.example/v1", "http://localhost/openai/v1", "{base}", "{base}/", "{base}/openai", "{base}/openai/v1/models",
        "{base}/openai/v1//", "{base}/openai/v1?x=1", "{base}/openai/v1#part", "{base}/OpenAI/v1", "{base}/nobody/v1", "openai", "urn:openai", "/openai/v1",
    ];

    [Theory]
    [InlineData("")]
    [InlineData("/")]
    public async Task Is_accepted_where_it_is_the_upstream_that_the_scopes_open(string end)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var resource = $"{Broker.Address}/openai/v1{end}";
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl(change: new() { ["resource"] = resource }));

        using var answer = await page.AnswerAsync();
        using var exchanged = await app.ExchangeAsync(ConsentPage.ParametersOf(answer)["code"], new() { ["resource"] = resource });
        var tokens = await OAuthApp.ReadAsync(exchanged);
        using var refreshed = await app.RefreshAsync(tokens.RefreshToken, new() { ["resource"] = resource });

        using var models = await new Api(Broker, (await OAuthApp.ReadAsync(refreshed)).AccessToken).GetAsync("/models");
        models.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [MemberData(nameof(NotOurs))]
    public async Task Is_refused_at_the_authorization_endpoint_where_it_is_another(string resource)
    {
        using var visitor = new Person(Broker);

        using var response = await visitor.GetAsync(new OAuthApp(Broker).AuthorizeUrl(change: new() { ["resource"] = resource.Replace("{base}", Broker.Address, StringComparison.Ordinal) }));

        response.StatusCode.Should().Be(HttpStatusCode.Found, "nobody is asked to sign in for it");
        var parameters = ConsentPage.ParametersOf(response);
        parameters.Should().Contain("error", "invalid_target").And.ContainKey("state");
        parameters["iss"].Should().Be(Broker.Address + "/");
        response.Headers.Location!.AbsoluteUri.Should().StartWith(BrokerHost.RedirectUri);
    }

    [Fact]
    public async Task Is_refused_where_one_of_several_is_another()
    {
        using var visitor = new Person(Broker);
        var url = new OAuthApp(Broker).AuthorizeUrl(change: new() { ["resource"] = Broker.Address + "/openai/v1" });

        using var response = await visitor.GetAsync(url + "&resource=" + Uri.EscapeDataString("https://api.other.example/v1"));

        ConsentPage.ParametersOf(response).Should().Contain("error", "invalid_target");
    }

    [Fact]
    public async Task Never_sends_an_error_to_a_redirect_uri_that_is_not_registered()
    {
        using var visitor = new Person(Broker);

        using var response = await visitor.GetAsync(new OAuthApp(Broker).AuthorizeUrl(
            change: new() { ["resource"] = "https://api.other.example/v1", ["redirect_uri"] = "https://attacker.example/" }));

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        response.Headers.Location.Should().BeNull();
    }

    [Theory]
    [MemberData(nameof(NotOurs))]
    public async Task Is_refused_at_the_token_endpoint_where_it_is_another(string resource)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person);
        var other = new Dictionary<string, string?> { ["resource"] = resource.Replace("{base}", Broker.Address, StringComparison.Ordinal) };

        using var refused = await app.ExchangeAsync(code, other);
        using var accepted = await app.ExchangeAsync(code);
        var tokens = await OAuthApp.ReadAsync(accepted);
        using var notRefreshed = await app.RefreshAsync(tokens.RefreshToken, other);

        (await OAuthApp.ErrorAsync(refused)).Should().Be("invalid_target");
        (await OAuthApp.ErrorAsync(notRefreshed)).Should().Be("invalid_target");
    }

    [Fact]
    public async Task Is_refused_where_it_is_another_upstream_than_the_one_that_is_asked_for_or_granted()
    {
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Upstreams:spare:Name"] = "Spare",
            ["Upstreams:spare:BaseUrl"] = "http://localhost:9/v1",
            ["Upstreams:spare:Capabilities:chat:Title"] = "Chat",
            ["Upstreams:spare:Capabilities:chat:Sentence"] = "It chats.",
            ["Apps:0:Scopes:50"] = "spare:chat",
        });
        using var person = await Person.WithKeyAsync(broker);
        var app = new OAuthApp(broker);
        var spare = broker.Address + "/spare/v1";

        using var authorize = await person.GetAsync(app.AuthorizeUrl(change: new() { ["resource"] = spare }));
        var code = await app.CodeAsync(person);
        using var refused = await app.ExchangeAsync(code, new() { ["resource"] = spare });
        using var accepted = await app.ExchangeAsync(code, new() { ["resource"] = broker.Address + "/openai/v1" });

        ConsentPage.ParametersOf(authorize).Should().Contain("error", "invalid_target");
        (await OAuthApp.ErrorAsync(refused)).Should().Be("invalid_target");
        accepted.StatusCode.Should().Be(HttpStatusCode.OK);
    }
}
