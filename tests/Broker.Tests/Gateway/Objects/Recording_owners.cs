using System.Net;
using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed partial class Recording_owners(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Stored = """{"model":"gpt-4o-mini","input":"Hello","store":true,"stream":true}""";

    [Fact]
    public async Task Reads_the_id_of_a_stored_response_from_its_stream()
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        using var streamed = await connected.Api.PostRawAsync("/responses", Stored);
        var id = Response().Match(await streamed.Content.ReadAsStringAsync()).Value;

        using var response = await connected.Api.GetAsync("/responses/" + id);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Writes_nothing_for_what_the_provider_does_not_keep()
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        var before = await CountAsync();

        using var response = await connected.Api.PostRawAsync("/responses", """{"model":"gpt-4o-mini","input":"Hello"}""");
        using var chat = await connected.Api.ChatAsync();

        (await CountAsync()).Should().Be(before);
    }

    [Theory]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":"Hello","store":true}""")]
    [InlineData("/responses", Stored)]
    [InlineData("/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}],"store":true,"stream":true}""")]
    [InlineData("/vector_stores", "{}")]
    public async Task That_fails_withholds_the_answer(string path, string body)
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes);
        await BreakAsync(broker);

        using var response = await connected.Api.SendAsync(HttpMethod.Post, path, Neighbours.Json(body), HttpCompletionOption.ResponseHeadersRead);
        var text = await TextAsync(response);

        Id().IsMatch(text).Should().BeFalse(text);
        connected.Received.Should().ContainSingle();
        if (!body.Contains("stream", StringComparison.Ordinal))
        {
            response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
            text.Should().Contain("object_not_recorded");
        }
    }

    [Fact]
    public async Task Is_remembered_so_that_repeated_use_asks_no_database_and_the_unknown_fails_closed()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes);
        using var streamed = await connected.Api.PostRawAsync("/responses", Stored);
        var id = Response().Match(await streamed.Content.ReadAsStringAsync()).Value;
        await BreakAsync(broker);

        using var known = await connected.Api.GetAsync("/responses/" + id);
        using var unknown = await connected.Api.GetAsync("/responses/resp_of_nobody");

        known.StatusCode.Should().Be(HttpStatusCode.OK);
        unknown.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        connected.Received.Should().HaveCount(2);
    }

    [Fact]
    public async Task Ends_with_the_account_of_the_user()
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        using var made = await connected.Api.PostRawAsync("/vector_stores", "{}");
        var user = await own.Host.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId).Select(g => g.UserId).SingleAsync());
        (await own.Host.WithDatabaseAsync(db => db.UpstreamObjects.CountAsync(o => o.UserId == user))).Should().Be(1);

        await own.Host.WithDatabaseAsync(db => db.Tokens.Where(t => t.AuthorizationId == connected.GrantId).ExecuteDeleteAsync());
        await own.Host.WithDatabaseAsync(db => db.Users.Where(u => u.Id == user).ExecuteDeleteAsync());

        (await own.Host.WithDatabaseAsync(db => db.UpstreamObjects.CountAsync(o => o.UserId == user))).Should().Be(0);
    }

    [Fact]
    public async Task Ends_with_the_app()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker, Neighbours.Scopes);
        using var made = await connected.Api.PostRawAsync("/vector_stores", "{}");
        var app = await broker.WithDatabaseAsync(db => db.Grants.Where(g => g.Id == connected.GrantId).Select(g => g.ApplicationId).SingleAsync());
        (await broker.WithDatabaseAsync(db => db.UpstreamObjects.CountAsync(o => o.AppId == app))).Should().Be(1);

        await using var scope = broker.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<TokenBroker.Apps.RemoveApp>().RunAsync(app!.Value, "test", TestContext.Current.CancellationToken);

        (await broker.WithDatabaseAsync(db => db.UpstreamObjects.CountAsync())).Should().Be(0);
    }

    [Fact]
    public async Task Outlives_the_grant()
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        using var streamed = await connected.Api.PostRawAsync("/responses", Stored);
        var id = Response().Match(await streamed.Content.ReadAsStringAsync()).Value;
        await connected.Person.PressAsync("Test App", "Revoke");

        var again = await new OAuthApp(own.Host).ConnectAsync(connected.Person, Neighbours.Scopes);
        using var response = await new Api(own.Host, again.AccessToken).GetAsync("/responses/" + id);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public void Keeps_as_many_in_memory_as_it_was_given_room_for()
    {
        var cache = new TokenBroker.Gateway.OwnerCache(100);
        for (var i = 0; i < 10_000; i++)
        {
            cache.Add("openai", "file-" + i, new TokenBroker.Gateway.ObjectOwner(Guid.Empty, Guid.Empty, "file"));
        }

        cache.Count.Should().BeLessThanOrEqualTo(100);
        cache.TryGet("openai", "file-9999", out _).Should().BeTrue();
        cache.TryGet("openai", "file-0", out _).Should().BeFalse();
    }

    private Task<int> CountAsync() => own.Host.WithDatabaseAsync(db => db.UpstreamObjects.CountAsync());

    private static Task<int> BreakAsync(BrokerHost broker) =>
        broker.WithDatabaseAsync(db => db.Database.ExecuteSqlRawAsync("ALTER TABLE upstream_objects RENAME TO elsewhere"));

    private static async Task<string> TextAsync(HttpResponseMessage response)
    {
        using var text = new MemoryStream();
        try
        {
            await response.Content.CopyToAsync(text);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            // A stream that is not whole ends so.
        }

        return System.Text.Encoding.UTF8.GetString(text.ToArray());
    }

    [GeneratedRegex("resp_[0-9a-f]+")]
    private static partial Regex Response();

    [GeneratedRegex("(resp_|vs_|chatcmpl-)[0-9a-f]+")]
    private static partial Regex Id();
}
