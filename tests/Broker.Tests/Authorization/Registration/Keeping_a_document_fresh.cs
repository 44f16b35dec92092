using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>How long what a document said goes on to count, on a clock of its own.</summary>
public sealed class Keeping_a_document_fresh : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private BrokerHost _broker = null!;
    private DocumentHost _documents = null!;

    public async ValueTask InitializeAsync()
    {
        _documents = await DocumentHost.StartAsync();
        _broker = await BrokerHost.StartAsync(SelfServiceBroker.SettingsWith(_documents), _clock);
    }

    public async ValueTask DisposeAsync()
    {
        await _broker.DisposeAsync();
        await _documents.DisposeAsync();
    }

    [Theory]
    [InlineData("max-age=1200", 20)]
    [InlineData("max-age=1", 5)]
    [InlineData("no-store", 5)]
    [InlineData("no-cache", 5)]
    [InlineData("private", 5)]
    [InlineData("max-age=31536000", 24 * 60)]
    public async Task Goes_by_what_its_server_says_within_bounds(string cacheControl, int minutes)
    {
        var address = _documents.Publish();
        _documents.Change(address, cacheControl: cacheControl);
        await IsAcceptedAsync(address);

        _clock.Advance(TimeSpan.FromMinutes(minutes) - TimeSpan.FromSeconds(1));
        await IsAcceptedAsync(address);
        _documents.Fetches(address).Should().Be(1);
        _clock.Advance(TimeSpan.FromSeconds(2));
        await IsAcceptedAsync(address);

        _documents.Fetches(address).Should().Be(2);
        var appId = await _broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == address).Select(a => a.Id).SingleAsync());
        (await _broker.WithDatabaseAsync(db => db.AuditEvents.CountAsync(e => e.Target == $"app:{appId}"))).Should().Be(1, "nothing has changed but the clock");
    }

    [Fact]
    public async Task Takes_a_change_and_puts_the_app_back_to_review()
    {
        var address = _documents.Publish();
        await IsAcceptedAsync(address);
        await _broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == address).ExecuteUpdateAsync(set => set.SetProperty(a => a.ReviewStatus, ReviewStatus.Approved)));
        _documents.Change(address, new() { ["client_name"] = "Other Notes" });

        await IsAcceptedAsync(address);
        var before = await AppAsync(address);
        _clock.Advance(TimeSpan.FromMinutes(11));
        await IsAcceptedAsync(address);
        var after = await AppAsync(address);

        (before.DisplayName, before.ReviewStatus).Should().Be(("Field Notes", ReviewStatus.Approved));
        (after.DisplayName, after.ReviewStatus).Should().Be(("Other Notes", ReviewStatus.Unreviewed));
    }

    [Fact]
    public async Task Goes_on_for_a_day_while_the_server_cannot_be_reached()
    {
        var address = _documents.Publish();
        await IsAcceptedAsync(address);
        _documents.Answer(address, Status(StatusCodes.Status503ServiceUnavailable));

        _clock.Advance(TimeSpan.FromHours(24));
        await IsAcceptedAsync(address);
        _clock.Advance(TimeSpan.FromMinutes(11));
        await IsRefusedAsync(address);
        _documents.Change(address);
        await IsRefusedAsync(address);
        _clock.Advance(TimeSpan.FromSeconds(61));

        await IsAcceptedAsync(address);
    }

    [Theory]
    [InlineData(StatusCodes.Status404NotFound)]
    [InlineData(StatusCodes.Status410Gone)]
    [InlineData(StatusCodes.Status302Found)]
    public async Task Ends_at_once_where_the_server_has_it_no_more(int status)
    {
        var address = _documents.Publish();
        await IsAcceptedAsync(address);
        _documents.Answer(address, Status(status));

        _clock.Advance(TimeSpan.FromMinutes(11));

        await IsRefusedAsync(address);
    }

    [Fact]
    public async Task Ends_at_once_where_the_document_is_no_longer_acceptable()
    {
        var address = _documents.Publish();
        await IsAcceptedAsync(address);
        _documents.Change(address, new() { ["redirect_uris"] = new JsonArray("https://attacker.example/") });

        _clock.Advance(TimeSpan.FromMinutes(11));

        await IsRefusedAsync(address);
        AppDetails.Of(await AppAsync(address)).RedirectUris.Should().NotContain("https://attacker.example/");
    }

    [Fact]
    public async Task Ends_when_the_operator_takes_the_permission_back()
    {
        var address = _documents.Publish();
        await IsAcceptedAsync(address);
        await _broker.StopBrokerAsync();
        await using var closed = await BrokerHost.StartAsync(dataDirectory: _broker.DataDirectory, clock: _clock);
        using var visitor = new Person(closed);

        using var response = await visitor.GetAsync(AuthorizeUrl(address));

        (await ErrorPage.ReadAsync(response)).Should().Contain("not accepted as client_id here");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reads_the_keys_before_it_checks_an_assertion_with_them(bool namesItself)
    {
        using var old = new ClientKeys("ES256");
        using var next = new ClientKeys("ES256");
        var address = _documents.Publish(Signing(old));
        using var first = await AssertAsync(address, old, namesItself: true);
        _documents.Change(address, Signing(next));
        _clock.Advance(TimeSpan.FromMinutes(11));

        // The client may be named by the assertion alone: then the keys that are known are not good enough any more.
        using var withOld = await AssertAsync(address, old, namesItself);
        using var withNext = await AssertAsync(address, next, namesItself: true);

        (await OAuthApp.ErrorAsync(first)).Should().Be("invalid_grant", "the client is who it says; the token is nonsense");
        (await OAuthApp.ErrorAsync(withOld)).Should().BeOneOf("invalid_client", "invalid_token");
        (await OAuthApp.ErrorAsync(withNext)).Should().Be("invalid_grant");
    }

    private static Dictionary<string, JsonNode?> Signing(ClientKeys keys) => new() { ["token_endpoint_auth_method"] = "private_key_jwt", ["jwks"] = JsonNode.Parse(keys.PublicSet) };

    private async Task<HttpResponseMessage> AssertAsync(string address, ClientKeys keys, bool namesItself)
    {
        using var http = _broker.NewClient();
        var form = new Dictionary<string, string>
        {
            ["grant_type"] = "refresh_token",
            ["refresh_token"] = "x",
            ["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ["client_assertion"] = keys.Sign(address, _broker.Address + "/", _clock.GetUtcNow().AddMinutes(1).UtcDateTime),
        };
        if (namesItself)
        {
            form["client_id"] = address;
        }

        return await http.PostAsync(new Uri("/connect/token", UriKind.Relative), new FormUrlEncodedContent(form));
    }

    private static RequestDelegate Status(int status) => context =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    private Task<App> AppAsync(string address) => _broker.WithDatabaseAsync(db => db.Apps.AsNoTracking().SingleAsync(a => a.ClientId == address));

    private async Task IsAcceptedAsync(string address) => (await AskAsync(address)).Should().Be(HttpStatusCode.Found, "the person is asked to sign in");

    private async Task IsRefusedAsync(string address) => (await AskAsync(address)).Should().Be(HttpStatusCode.BadRequest);

    private async Task<HttpStatusCode> AskAsync(string address)
    {
        using var visitor = new Person(_broker);
        using var response = await visitor.GetAsync(AuthorizeUrl(address));
        return response.StatusCode;
    }

    private string AuthorizeUrl(string address) => new OAuthApp(_broker, address).AuthorizeUrl(change: new() { ["redirect_uri"] = _documents.Http + "/callback" });
}
