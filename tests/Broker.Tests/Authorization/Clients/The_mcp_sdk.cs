using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Authorization.Registration;
using TokenBroker.Tests.Clients;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Clients;

/// <summary>
/// <c>@modelcontextprotocol/sdk</c> from npm, as it is, with the address of an upstream and nothing else: it is refused,
/// reads where to go, registers, sends the person to consent, gets tokens, calls, and refreshes.
/// </summary>
public sealed class The_mcp_sdk(SelfServiceBroker open) : IClassFixture<SelfServiceBroker>
{
    private const string LoopbackRedirect = "http://localhost:3334/callback";

    private BrokerHost Broker => open.Host;

    [Theory]
    [InlineData("none")]
    [InlineData("client_secret_basic")]
    [InlineData("client_secret_post")]
    public async Task Registers_itself_and_gets_to_work(string method)
    {
        using var client = await StartAsync(new() { ["AUTH_METHOD"] = method });

        var registered = await RunAsync(client);

        registered.GetProperty("method").GetString().Should().Be(method);
        registered.GetProperty("secret").GetBoolean().Should().Be(method != "none");
    }

    [Fact]
    public async Task Is_known_by_its_document_and_gets_to_work()
    {
        var address = open.Documents.Publish(new() { ["redirect_uris"] = new JsonArray(LoopbackRedirect) }, open.Documents.Https);
        using var client = await StartAsync(new() { ["CLIENT_METADATA_URL"] = address });

        var registered = await RunAsync(client);

        registered.GetProperty("id").GetString().Should().Be(address);
        open.Documents.Fetches(address).Should().Be(1);
    }

    private Task<NodeProgram> StartAsync(Dictionary<string, string?> environment) => NodeProgram.StartAsync(
        "mcp", "client.mjs", new(environment) { ["RESOURCE"] = Broker.Address + "/openai/v1", ["REDIRECT_URI"] = LoopbackRedirect });

    private async Task<JsonElement> RunAsync(NodeProgram client)
    {
        var refused = await HearAsync(client, "refused");
        var authorize = await HearAsync(client, "authorize");
        (await HearAsync(client, "auth")).GetProperty("result").GetString().Should().Be("REDIRECT");
        var registered = await HearAsync(client, "client");

        using var person = await Person.WithKeyAsync(Broker);
        var page = await ConsentPage.OpenAsync(person, authorize.GetProperty("url").GetString()!);
        using var answer = await page.AnswerAsync();
        await client.SayAsync(answer.Headers.Location!.AbsoluteUri);

        (await HearAsync(client, "auth")).GetProperty("result").GetString().Should().Be("AUTHORIZED");
        var models = await HearAsync(client, "models");
        (await HearAsync(client, "auth")).GetProperty("result").GetString().Should().Be("AUTHORIZED", "it holds a refresh token");
        var refreshed = await HearAsync(client, "refreshed");
        await client.EndsWellAsync();

        refused.GetProperty("status").GetInt32().Should().Be(401);
        refused.GetProperty("metadata").GetString().Should().Be(Broker.Address + "/.well-known/oauth-protected-resource/openai/v1");
        authorize.GetProperty("url").GetString().Should().Contain("resource=" + Uri.EscapeDataString(Broker.Address + "/openai/v1"));
        models.GetProperty("status").GetInt32().Should().Be(200);
        models.GetProperty("count").GetInt32().Should().BeGreaterThan(0);
        refreshed.GetProperty("status").GetInt32().Should().Be(200);
        refreshed.GetProperty("another").GetBoolean().Should().BeTrue();
        return registered;
    }

    private static async Task<JsonElement> HearAsync(NodeProgram client, string expected)
    {
        var said = JsonSerializer.Deserialize<JsonElement>(await client.HearAsync());
        said.GetProperty("event").GetString().Should().Be(expected);
        return said;
    }
}
