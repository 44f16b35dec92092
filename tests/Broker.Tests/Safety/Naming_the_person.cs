using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Safety;

/// <summary>The provider learns a pseudonym, the same everywhere, and nothing that leads to the person.</summary>
public sealed class Naming_the_person(SharedBroker shared)
{
    [Fact]
    public async Task Is_the_same_in_every_app_and_after_a_restart_and_another_for_another_person()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var one = await Connected.AsAsync(broker);
        var elsewhere = await new OAuthApp(broker, BrokerHost.OtherAppId).ConnectAsync(one.Person);
        using var other = await Connected.AsAsync(broker);

        await one.Api.ChatAsync();
        await new Api(broker, elsewhere.AccessToken).ChatAsync();
        await other.Api.ChatAsync();
        await broker.RestartBrokerAsync();
        await one.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = "Hello" });

        var names = one.Received.Select(e => e.Json!["safety_identifier"]!.ToString()).ToList();
        names.Should().HaveCount(3);
        names.Distinct().Should().ContainSingle().Which.Should().MatchRegex("^[A-Za-z0-9_-]{43}$");
        other.Received[0].Json!["safety_identifier"]!.ToString().Should().NotBe(names[0]);
        one.Received.Should().OnlyContain(e => !e.Text.Contains('@') && !e.Text.Contains("person", StringComparison.OrdinalIgnoreCase), "no address leaves");
    }

    [Theory]
    [InlineData("/chat/completions", """{"user":"me@example.com","model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"safety_identifier":"somebody else"}""")]
    [InlineData("/chat/completions", """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hi"}],"us\u0065r":null,"safety_identifier":"one","safety_identifier":"two"}""")]
    [InlineData("/responses", """{"model":"gpt-4o-mini","input":"Hi","user":"me@example.com"}""")]
    [InlineData("/embeddings", """{"model":"text-embedding-3-small","input":"Hi","user":"me@example.com"}""")]
    [InlineData("/completions", """{"model":"gpt-3.5-turbo-instruct","prompt":"Hi","user":"me@example.com"}""")]
    public async Task Replaces_what_the_app_says(string path, string body)
    {
        var broker = shared.Host;
        using var connected = await Connected.AsAsync(broker);
        await connected.Api.ChatAsync();
        var name = connected.Received[0].Json!["safety_identifier"]!.ToString();

        using var response = await connected.Api.PostRawAsync(path, body);

        var sent = (await broker.Journal.WaitForAsync(e => e.Key == connected.Key && e.Path == "/v1" + path && e.Text.Contains("Hi"), TimeSpan.FromSeconds(30))).Text;
        sent.Should().NotContain("me@example.com").And.NotContain("somebody else").And.NotContain("\"one\"").And.NotContain("\"two\"").And.Contain(name);
    }
}
