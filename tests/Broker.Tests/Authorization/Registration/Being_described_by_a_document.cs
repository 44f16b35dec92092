using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>draft-ietf-oauth-client-id-metadata-document: a client_id that says where to read who it is.</summary>
[Trait("Checklist", "1")]
public sealed class Being_described_by_a_document(SharedBroker shared, SelfServiceBroker open) : IClassFixture<SelfServiceBroker>
{
    private BrokerHost Broker => open.Host;

    private DocumentHost Documents => open.Documents;

    public static TheoryData<string, string, string> Bad => new()
    {
        { "client_id", "\"https://someone-else.example/app.json\"", "does not name its own address" },
        { "client_id", "null", "does not name its own address" },
        { "client_secret", "\"0123456789012345678901234567890123456789012\"", "holds a client_secret" },
        { "client_secret_expires_at", "0", "holds a client_secret" },
        { "token_endpoint_auth_method", "\"client_secret_basic\"", "asks for a secret" },
        { "token_endpoint_auth_method", "\"client_secret_post\"", "asks for a secret" },
        { "token_endpoint_auth_method", "\"private_key_jwt\"", "needs the public keys" },
        { "jwks_uri", "\"http://localhost/jwks\"", "give the keys inline" },
        { "client_name", "null", "client_name is needed" },
        { "redirect_uris", "null", "needs at least one entry" },
        { "redirect_uris", """["https://attacker.example/callback"]""", "neither of its own origin" },
        { "redirect_uris", """["javascript:alert(1)"]""", "redirect URI" },
        { "scope", "\"openai:chat admin\"", "scope that no upstream offers" },
        { "grant_types", """["client_credentials"]""", "grant type that is not known" },
    };

    public static TheoryData<string> NotAddresses =>
    [
        "http://localhost:{port}", "http://localhost:{port}/", "http://localhost:{port}/a/../app.json", "http://localhost:{port}/a/%2e%2e/app.json",
        "http://localhost:{port}/app.json?x=1", "http://localhost:{port}/app.json#x", "http://user@localhost:{port}/app.json", "HTTP://localhost:{port}/app.json",
        "http://LOCALHOST:{port}/app.json", "http://app.example/app.json", "https://app.example:443/app.json", "https:app.example/app.json", "https://app.example\\app.json", "{long}",
    ];

    [Fact]
    public async Task Makes_an_app_that_works_and_shows_whose_host_it_is()
    {
        var address = Documents.Publish(origin: Documents.Https);
        var (app, redirect) = (new OAuthApp(Broker, address), Documents.Https + "/callback");
        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl(change: new() { ["redirect_uri"] = redirect }));

        using var answer = await page.AnswerAsync();
        using var exchanged = await app.ExchangeAsync(ConsentPage.ParametersOf(answer)["code"], new() { ["redirect_uri"] = redirect });
        var tokens = await OAuthApp.ReadAsync(exchanged);
        using var refreshed = await app.RefreshAsync(tokens.RefreshToken);

        page.Text.Should().Contain("Field Notes").And.Contain(new Uri(address).Authority);
        refreshed.StatusCode.Should().Be(HttpStatusCode.OK);
        Documents.Fetches(address).Should().Be(1, "it is fresh for what it said");
        var kept = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == address));
        (kept.Source, kept.ReviewStatus, kept.OwnerId).Should().Be((AppSource.MetadataDocument, ReviewStatus.Unreviewed, null));
        kept.OptionalScopes.Should().BeEquivalentTo(AppDetails.Of(kept).Scopes);
    }

    [Fact]
    public async Task Sends_nothing_along_when_it_fetches()
    {
        var address = Documents.Publish();
        using var person = await Person.SignedUpAsync(Broker);

        using var response = await person.GetAsync(AuthorizeUrl(address));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        Documents.Received.Single(request => request.Path == new Uri(address).AbsolutePath).Headers.Keys.Should().BeEquivalentTo("Accept", "Host", "User-Agent");
    }

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task Is_refused_where_the_document_is_not_one(string member, string value, string says)
    {
        var address = Documents.Publish(new() { [member] = JsonNode.Parse(value) });
        using var visitor = new Person(Broker);

        using var response = await visitor.GetAsync(AuthorizeUrl(address));

        (await ErrorPage.ReadAsync(response)).Should().Contain(says);
        (await Broker.WithDatabaseAsync(db => db.Apps.CountAsync(a => a.ClientId == address))).Should().Be(0);
    }

    [Theory]
    [MemberData(nameof(NotAddresses))]
    public async Task Is_refused_where_the_address_is_not_in_its_one_form(string clientId)
    {
        var before = Documents.Received.Count;
        var port = new Uri(Documents.Http).Port.ToString(provider: null);
        clientId = clientId.Replace("{port}", port, StringComparison.Ordinal).Replace("{long}", $"http://localhost:{port}/{new string('x', 500)}", StringComparison.Ordinal);
        using var visitor = new Person(Broker);

        using var response = await visitor.GetAsync(AuthorizeUrl(clientId));

        (await ErrorPage.ReadAsync(response)).Should().Contain("written in its normal form");
        Documents.Received.Count.Should().Be(before, "nothing is fetched");
    }

    [Fact]
    public async Task Lets_a_document_name_redirects_on_the_persons_own_machine()
    {
        var address = Documents.Publish(new() { ["redirect_uris"] = new JsonArray("http://127.0.0.1:33418/", "example.notes:/callback"), ["application_type"] = "native" });
        using var person = await Person.SignedUpAsync(Broker);

        using var response = await person.GetAsync(AuthorizeUrl(address, "http://127.0.0.1:33418/"));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Tells_a_program_that_its_document_is_refused()
    {
        var address = Documents.Publish(new() { ["client_id"] = "https://someone-else.example/app.json" });

        using var response = await new OAuthApp(Broker, address).RefreshAsync("x");

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_client");
    }

    [Fact]
    public async Task Is_off_unless_the_operator_allows_it()
    {
        var address = Documents.Publish();
        using var visitor = new Person(shared.Host);

        using var response = await visitor.GetAsync(AuthorizeUrl(address));

        (await ErrorPage.ReadAsync(response)).Should().Contain("not accepted as client_id here");
        Documents.Fetches(address).Should().Be(0);
    }

    [Fact]
    public async Task Reaches_no_private_network_unless_the_operator_allows_it()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Registration:MetadataDocuments:Enabled"] = "true" });
        var address = Documents.Publish(origin: Documents.Https);
        using var visitor = new Person(broker);

        using var response = await visitor.GetAsync(AuthorizeUrl(address));

        (await ErrorPage.ReadAsync(response)).Should().Contain("does not resolve to public addresses alone");
        Documents.Fetches(address).Should().Be(0);
    }

    [Fact]
    public async Task Fetches_once_for_all_who_wait_and_not_again_for_a_minute_after_a_failure()
    {
        var good = Documents.Publish();
        var bad = Documents.Http + "/" + Guid.NewGuid().ToString("N");
        Documents.Answer(bad, async context =>
        {
            await Task.Delay(200);
            context.Response.StatusCode = StatusCodes.Status500InternalServerError;
        });

        await Task.WhenAll(Enumerable.Range(0, 20).SelectMany(_ => new[] { AskAsync(good), AskAsync(bad) }));
        await AskAsync(bad);

        Documents.Fetches(good).Should().Be(1);
        Documents.Fetches(bad).Should().Be(1);
        (await Broker.WithDatabaseAsync(db => db.Apps.CountAsync(a => a.ClientId == good))).Should().Be(1);
    }

    [Fact]
    public async Task Fetches_so_many_for_one_address_in_an_hour()
    {
        var settings = SelfServiceBroker.SettingsWith(Documents);
        settings["Registration:MetadataDocuments:FetchesPerHour"] = "2";
        await using var broker = await BrokerHost.StartAsync(settings);
        using var visitor = new Person(broker);
        var addresses = Enumerable.Range(0, 3).Select(_ => Documents.Publish()).ToList();
        foreach (var address in addresses)
        {
            (await visitor.GetAsync(AuthorizeUrl(address))).Dispose();
        }

        addresses.Select(Documents.Fetches).Should().Equal(1, 1, 0);
    }

    [Fact]
    public async Task Leaves_an_app_alone_that_the_operator_gave_such_an_id()
    {
        var address = Documents.Publish(new() { ["client_name"] = "Impostor" });
        var settings = SelfServiceBroker.SettingsWith(Documents);
        settings["Apps:0:ClientId"] = address;
        await using var broker = await BrokerHost.StartAsync(settings);
        using var person = await Person.SignedUpAsync(broker);

        using var response = await person.GetAsync(AuthorizeUrl(address, BrokerHost.RedirectUri));

        (await response.Content.ReadAsStringAsync()).Should().Contain("Test App").And.NotContain("Impostor");
        Documents.Fetches(address).Should().Be(0);
    }

    private async Task AskAsync(string address)
    {
        using var visitor = new Person(Broker);
        (await visitor.GetAsync(AuthorizeUrl(address))).Dispose();
    }

    private string AuthorizeUrl(string clientId, string? redirectUri = null) =>
        new OAuthApp(Broker, clientId).AuthorizeUrl(change: new() { ["redirect_uri"] = redirectUri ?? Documents.Http + "/callback" });
}
