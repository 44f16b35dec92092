using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Owned;

public sealed class Registering_an_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task On_the_page_gives_an_app_that_works()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var made = await developer.Person.PostAsync("/developer/new", new()
        {
            ["Form.Name"] = "Digest\u202E\nfdp",
            ["Form.Kind"] = "Server",
            ["Form.RedirectUris"] = $"{BrokerHost.RedirectUri}\r\n\r\n https://app.example/other ",
            ["Form.Scopes"] = "openai:chat",
            ["Form.OptionalScopes"] = "openai:images",
        });
        var page = await Person.ParseAsync(made);
        var (id, secret) = (page.QuerySelector("#client-id")!.TextContent, page.QuerySelector("#client-secret")!.TextContent);
        secret.Length.Should().BeGreaterThanOrEqualTo(43);
        var row = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == id));
        row.DisplayName.Should().Be("Digestfdp", "nothing that turns or breaks the line of a name is kept");
        row.OptionalScopes.Should().BeEmpty("what is not asked for is not optional");
        row.ClientSecret.Should().NotContain(secret);
        (await developer.Person.PageAsync($"/developer/{id}")).Body!.TextContent.Should().NotContain(secret, "it is shown once");

        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker, id) { Secret = secret }.ConnectAsync(person, "openai:chat");
        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("Server", "confidential", "web", "authorization_code refresh_token")]
    [InlineData("Browser", "public", "web", "authorization_code refresh_token")]
    [InlineData("Native", "public", "native", "authorization_code refresh_token urn:ietf:params:oauth:grant-type:device_code")]
    [InlineData("Device", "public", "native", "refresh_token urn:ietf:params:oauth:grant-type:device_code")]
    public async Task Turns_a_kind_into_its_client_metadata(string kind, string clientType, string applicationType, string grantTypes)
    {
        using var developer = await Developer.SignedUpAsync(Broker);

        var app = await developer.NewAppAsync(Developer.AppBody(kind: kind.ToLowerInvariant()));

        var row = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == app.ClientId));
        (row.ClientType, row.ApplicationType).Should().Be((clientType, applicationType));
        TokenBroker.Apps.AppDetails.Of(row).GrantTypes.Order().Should().Equal(grantTypes.Split(' ').Order());
        (app.Secret is not null).Should().Be(clientType == "confidential");
        row.OwnerId.Should().Be(developer.UserId);
        row.ReviewStatus.Should().Be(TokenBroker.Apps.ReviewStatus.Unreviewed);
        (await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}")).GetProperty("kind").GetString().Should().Be(kind.ToLowerInvariant());
    }

    public static TheoryData<string, string> Bad => new()
    {
        { """{"name":""}""", "name" },
        { """{"name":"0123456789012345678901234567890123456789012345678901234567890"}""", "name" },
        { """{"name":"Open\u200bAI"}""", "name" },
        { """{"homepage_url":"http://loopback/"}""", "homepage_url" },
        { """{"homepage_url":"javascript:alert(1)"}""", "homepage_url" },
        { """{"homepage_url":"http://app.example"}""", "homepage_url" },
        { """{"redirect_uris":[]}""", "redirect_uris" },
        { """{"redirect_uris":[null]}""", "redirect_uris" },
        { """{"redirect_uris":["http://app.example/callback"]}""", "redirect_uris" },
        { """{"redirect_uris":["https://app.example/callback#x"]}""", "redirect_uris" },
        { """{"scopes":["openai:organization"]}""", "scopes" },
        { """{"scopes":["offline_access"]}""", "scopes" },
        { """{"scopes":["openai:chat"],"optional_scopes":["openai:images"]}""", "optional_scopes" },
        { """{"jwks":{"keys":[]}}""", "jwks" },
        { """{"kind":"browser","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}}""", "jwks" },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task Names_the_field_that_is_wrong_and_changes_nothing(string change, string field)
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var app = await developer.NewAppAsync();
        var body = Developer.AppBody();
        foreach (var member in JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(change)!)
        {
            body[member.Key] = member.Value;
        }

        using var created = await developer.SendAsync(HttpMethod.Post, "/apps", body);
        body.Remove("kind");
        using var updated = await developer.SendAsync(HttpMethod.Put, $"/apps/{app.ClientId}", body);

        foreach (var response in change.Contains("browser", StringComparison.Ordinal) ? [created] : new[] { created, updated })
        {
            response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            response.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
            (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("errors").TryGetProperty(field, out _).Should().BeTrue(await response.Content.ReadAsStringAsync());
        }

        (await developer.AskAsync(HttpMethod.Get, "/apps")).GetProperty("apps").EnumerateArray().Should().ContainSingle()
            .Which.GetProperty("name").GetString().Should().Be("My App");
    }

    [Fact]
    public async Task Says_on_the_page_what_is_wrong()
    {
        using var developer = await Developer.SignedUpAsync(Broker);

        using var refused = await developer.Person.PostAsync("/developer/new", new()
        {
            ["Form.Name"] = "App",
            ["Form.Kind"] = "Browser",
            ["Form.RedirectUris"] = "http://app.example/cb",
            ["Form.Scopes"] = "openai:chat",
        });

        (await Browsing.ComplaintAsync(refused)).Should().Contain("neither https nor http on loopback: http://app.example/cb");
        (await Person.ParseAsync(refused)).QuerySelector("textarea")!.TextContent.Should().Be("http://app.example/cb", "what was typed is kept");
    }

    [Fact]
    public async Task Ends_at_twenty_apps_also_where_many_come_at_once()
    {
        using var developer = await Developer.SignedUpAsync(Broker);

        var answers = await Task.WhenAll(Enumerable.Range(0, 24).Select(_ => developer.SendAsync(HttpMethod.Post, "/apps", Developer.AppBody())));

        answers.Count(a => a.StatusCode == HttpStatusCode.Created).Should().Be(20);
        answers.Count(a => a.StatusCode == HttpStatusCode.BadRequest).Should().Be(4);
    }

    [Fact]
    public async Task Takes_apps_of_the_configuration_out_of_everybodys_list()
    {
        using var developer = await Developer.SignedUpAsync(Broker);

        (await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == BrokerHost.AppId).Select(a => a.OwnerId).SingleAsync())).Should().BeNull();
        (await developer.AskAsync(HttpMethod.Get, "/apps")).GetProperty("apps").GetArrayLength().Should().Be(0);
    }
}
