using System.Net;
using Microsoft.Extensions.Configuration;
using TokenBroker.Tests.Host;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Upstreams;

public sealed class Configuring_an_upstream
{
    [Fact]
    public async Task Of_Azure_OpenAI_takes_four_lines()
    {
        const string completion = """{"id":"chatcmpl-1","object":"chat.completion","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15}}""";
        await using var azure = new RawUpstream
        {
            Script = _ => [$"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {completion.Length}\r\nConnection: close\r\n\r\n{completion}"],
        };
        await using var broker = await BrokerHost.StartAsync(new()
        {
            ["Upstreams:azure:Like"] = "openai",
            ["Upstreams:azure:Name"] = "Azure OpenAI",
            ["Upstreams:azure:BaseUrl"] = azure.BaseUrl,
            ["Upstreams:azure:Credential:Header"] = "api-key",
            ["Upstreams:azure:Only:0"] = "chat",
            ["Apps:0:Scopes:50"] = "azure:chat",
        });
        using var person = await Person.SignedUpAsync(broker);
        var key = Convert.ToHexStringLower(System.Security.Cryptography.RandomNumberGenerator.GetBytes(16));
        (await person.AddKeyAsync(key, upstream: "azure")).Should().BeNull();
        var token = (await new OAuthApp(broker).ConnectAsync(person, "azure:chat offline_access")).AccessToken;
        using var client = broker.NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, "/azure/v1/chat/completions")
        {
            Content = new StringContent("""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""", System.Text.Encoding.UTF8, "application/json"),
        };
        request.Headers.Add("api-key", token);

        using var answer = await client.SendAsync(request);

        answer.StatusCode.Should().Be(HttpStatusCode.OK, await answer.Content.ReadAsStringAsync());
        var received = azure.Heads[^1];
        received.Should().StartWith("POST /v1/chat/completions HTTP/1.1").And.Contain($"api-key: {key}").And.NotContain(token).And.NotContain("Authorization");
        var usage = (await Eventually.IsAsync(() => broker.WithDatabaseAsync(db => Task.FromResult(db.Usage.ToList())), rows => rows.Count == 1))[0];
        usage.CostMicros.Should().Be(5, "10 x 0.15 + 5 x 0.60 is 4.5: OpenAI's list is what it is charged by");
    }

    [Fact]
    public void Takes_over_what_it_does_not_give_itself()
    {
        var groq = Read(new()
        {
            ["groq:Like"] = "openai",
            ["groq:Name"] = "Groq",
            ["groq:BaseUrl"] = "https://api.groq.com/openai/v1",
            ["groq:PriceList"] = "groq",
            ["groq:Only:0"] = "chat",
            ["groq:Only:1"] = "models",
        })["groq"];

        (groq.Name, groq.PriceListId, groq.CredentialHeader).Should().Be(("Groq", "groq", "Authorization"));
        groq.Capabilities.Select(c => c.Scope).Should().BeEquivalentTo("groq:chat", "groq:models");
        groq.Find("POST", "/chat/completions")!.Value.Refusal.Should().BeNull();
        (groq.Find("POST", "/responses") is not { } found || found.Refusal is not null).Should().BeTrue();
    }

    [Fact]
    public void Leaves_one_out_that_is_not_enabled() =>
        Read(new() { ["openai:Like"] = "openai", ["openai:Enabled"] = "false" }).Should().BeEmpty();

    [Theory]
    [InlineData("x:Like", "nothing", "does not come with the program")]
    [InlineData("x:Headers:Authorization", "Bearer abc", "the broker's own to write")]
    [InlineData("x:Headers:Bad Name", "1", "plain names")]
    [InlineData("x:Headers:X-Line", "a\nb", "plain names")]
    [InlineData("x:Only:0", "flying", "does not list")]
    [InlineData("x:BaseUrl", "http://elsewhere.example/v1", "needs a BaseUrl")]
    public void Is_refused_at_the_start_with_what_to_change(string name, string value, string complaint)
    {
        var settings = new Dictionary<string, string?> { ["x:Like"] = "openai", [name] = value };

        FluentActions.Invoking(() => Read(settings)).Should().Throw<InvalidOperationException>().WithMessage($"*{complaint}*");
    }

    private static Dictionary<string, Upstream> Read(Dictionary<string, string?> settings)
    {
        var section = new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(s => "Upstreams:" + s.Key, s => s.Value)).Build().GetSection("Upstreams");
        return new Catalogue(UpstreamTemplates.Read(section)).All.ToDictionary(u => u.Id);
    }
}
