using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>RFC 7592: whoever holds the registration access token, and nobody else.</summary>
[Trait("Checklist", "32")]
public sealed class Managing_a_registration(SelfServiceBroker open) : IClassFixture<SelfServiceBroker>
{
    private BrokerHost Broker => open.Host;

    [Fact]
    public async Task Shows_it_without_the_secret()
    {
        var app = await RegisteredApp.NewAsync(Broker, new() { ["token_endpoint_auth_method"] = "client_secret_post" });

        using var response = await app.GetAsync();

        var shown = await RegisteredApp.ReadAsync(Broker, response);
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        shown.ClientId.Should().Be(app.ClientId);
        shown.Secret.Should().BeNull("only its hash is kept");
        shown.Json.GetProperty("token_endpoint_auth_method").GetString().Should().Be("client_secret_post");
        shown.Json.GetProperty("client_name").GetString().Should().Be("Field Notes");
        shown.ManagementToken.Should().Be(app.ManagementToken);
    }

    [Fact]
    public async Task Is_refused_to_all_others_as_if_there_were_no_such_app()
    {
        var app = await RegisteredApp.NewAsync(Broker);
        var other = await RegisteredApp.NewAsync(Broker);
        var nobodys = Posing("nobody", app.ManagementToken);
        var configured = Posing(BrokerHost.AppId, "");
        HttpResponseMessage[] answers =
        [
            await app.GetAsync("wrong"), await app.GetAsync(other.ManagementToken), await app.GetAsync(app.Secret!), await app.PutAsync([], other.ManagementToken),
            await app.DeleteAsync(other.ManagementToken), await nobodys.GetAsync(), await nobodys.DeleteAsync(),
            await configured.GetAsync(), await configured.DeleteAsync(), await configured.PutAsync([]),
        ];

        answers.Should().OnlyContain(answer => answer.StatusCode == HttpStatusCode.Unauthorized);
        (await Task.WhenAll(answers.Select(answer => answer.Content.ReadAsStringAsync()))).Distinct().Should().ContainSingle("a wrong token and a wrong app look the same");
        (await app.GetAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Replaces_it_and_its_secret_and_its_token()
    {
        var app = await RegisteredApp.NewAsync(Broker);

        using var response = await app.PutAsync(new() { ["client_name"] = "Other Notes", ["redirect_uris"] = new JsonArray("https://notes.example/cb"), ["client_secret"] = app.Secret });
        var changed = await RegisteredApp.ReadAsync(Broker, response);
        using var withOld = await app.GetAsync();
        using var withNew = await changed.GetAsync();
        using var oldSecret = await app.OAuth.RefreshAsync("x");
        using var newSecret = await changed.OAuth.RefreshAsync("x");

        changed.ClientId.Should().Be(app.ClientId);
        changed.Json.GetProperty("client_name").GetString().Should().Be("Other Notes");
        changed.Json.GetProperty("redirect_uris")[0].GetString().Should().Be("https://notes.example/cb");
        withOld.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        withNew.StatusCode.Should().Be(HttpStatusCode.OK);
        (await OAuthApp.ErrorAsync(oldSecret)).Should().Be("invalid_client");
        (await OAuthApp.ErrorAsync(newSecret)).Should().Be("invalid_grant", "the client is who it says; the token is nonsense");
    }

    [Fact]
    public async Task Gives_one_of_two_changes_with_one_token_the_right()
    {
        var app = await RegisteredApp.NewAsync(Broker);

        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => app.PutAsync(new() { ["client_name"] = $"Notes {i}" })));

        answers.Count(answer => answer.StatusCode == HttpStatusCode.OK).Should().Be(1);
        answers.Count(answer => answer.StatusCode == HttpStatusCode.Unauthorized).Should().Be(7);
    }

    [Theory]
    [InlineData("client_id", "\"another\"", "invalid_client_metadata")]
    [InlineData("client_id", "null", "invalid_client_metadata")]
    [InlineData("client_secret", "\"chosen-by-the-client-chosen-by-the-client-x\"", "invalid_client_metadata")]
    [InlineData("registration_access_token", "\"x\"", "invalid_client_metadata")]
    [InlineData("client_secret_expires_at", "0", "invalid_client_metadata")]
    [InlineData("redirect_uris", """["http://attacker.example/"]""", "invalid_redirect_uri")]
    [InlineData("scope", "\"admin\"", "invalid_client_metadata")]
    public async Task Changes_nothing_where_the_change_is_not_acceptable(string member, string value, string error)
    {
        var app = await RegisteredApp.NewAsync(Broker);

        using var response = await app.PutAsync(new() { [member] = JsonNode.Parse(value) });
        using var after = await app.GetAsync();

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await RegisteredApp.RefusalAsync(response)).Error.Should().Be(error);
        (await RegisteredApp.ReadAsync(Broker, after)).Json.GetProperty("redirect_uris")[0].GetString().Should().Be(BrokerHost.RedirectUri);
    }

    [Theory]
    [InlineData("client_name", "\"Other Notes\"", true)]
    [InlineData("redirect_uris", """["https://elsewhere.example/callback"]""", true)]
    [InlineData("redirect_uris", """["https://app.example/callback","https://elsewhere.example/callback"]""", true)]
    [InlineData("scope", "\"openai:chat openai:images\"", true)]
    [InlineData("redirect_uris", """["https://app.example/another-path"]""", false)]
    [InlineData("client_uri", "\"https://app.example/\"", true)]
    [InlineData("dpop_bound_access_tokens", "true", false)]
    public async Task Puts_an_approved_app_back_where_it_is_another_now(string member, string value, bool putBack)
    {
        var app = await RegisteredApp.NewAsync(Broker, new() { ["scope"] = "openai:chat" });
        await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).ExecuteUpdateAsync(set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Approved)));
        var change = new Dictionary<string, JsonNode?> { ["scope"] = "openai:chat", [member] = JsonNode.Parse(value) };

        using var response = await app.PutAsync(change);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.ReviewStatus).SingleAsync()))
            .Should().Be(putBack ? ReviewStatus.Unreviewed : ReviewStatus.Approved);
        var target = "app:" + await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync());
        (await Broker.WithDatabaseAsync(db => db.AuditEvents.CountAsync(e => e.Action == "app.review_reset" && e.Actor == target && e.Target == target)))
            .Should().Be(putBack ? 1 : 0);
    }

    [Fact]
    public async Task Deletes_the_row_of_an_app_that_nobody_connected()
    {
        var app = await RegisteredApp.NewAsync(Broker);

        using var response = await app.DeleteAsync();
        using var again = await app.DeleteAsync();

        response.StatusCode.Should().Be(HttpStatusCode.NoContent);
        again.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Broker.WithDatabaseAsync(db => db.Apps.CountAsync(a => a.ClientId == app.ClientId))).Should().Be(0);
    }

    [Fact]
    public async Task Ends_what_an_app_was_allowed_and_its_open_streams_when_it_is_deleted()
    {
        var app = await RegisteredApp.NewAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var oauth = app.OAuth;
        var tokens = await oauth.ConnectAsync(person);
        var api = new Api(Broker, tokens.AccessToken);
        using var stream = await api.OpenStreamAsync("[[events:50000]] [[delay:20]]");
        await using var body = await stream.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[10]);

        using var response = await app.DeleteAsync();
        var rest = async () =>
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            using var reader = new StreamReader(body);
            return await reader.ReadToEndAsync(limit.Token);
        };
        await rest.Should().ThrowAsync<IOException>("the stream is cut");
        using var call = await api.GetAsync("/models");
        using var refresh = await oauth.RefreshAsync(tokens.RefreshToken);
        using var authorize = await person.GetAsync(oauth.AuthorizeUrl());

        response.StatusCode.Should().Be(HttpStatusCode.NoContent);
        call.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        refresh.IsSuccessStatusCode.Should().BeFalse();
        authorize.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        authorize.Headers.Location.Should().BeNull("there is nowhere to send anybody back to");
        (await person.PageAsync("/notices")).Body!.TextContent.Should().Contain("Field Notes was deleted by its developer");
        var left = await Broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == app.ClientId));
        (left.ClientSecret, left.RegistrationTokenHash, left.Permissions, left.RedirectUris).Should().Be((null, null, null, null));
        (await Broker.WithDatabaseAsync(db => db.AuditEvents.CountAsync(e => e.Target == $"app:{left.Id}" && e.Action == "app.deleted"))).Should().Be(1);
    }

    /// <summary>What somebody would have who had registered this app.</summary>
    private RegisteredApp Posing(string clientId, string token) => new(Broker, JsonSerializer.SerializeToElement(new
    {
        client_id = clientId,
        registration_access_token = token,
        registration_client_uri = $"{RegisteredApp.Endpoint}/{clientId}",
    }));
}
