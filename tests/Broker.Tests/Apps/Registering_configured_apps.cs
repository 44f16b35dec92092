using System.Net;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps;

public sealed class Registering_configured_apps(SharedBroker shared)
{
    private const string Secret = "0123456789012345678901234567890123456789012";

    public static TheoryData<string, string, string?, string?, string?, string?, string> Bad => new()
    {
        { "", "App", Secret, "https://app.example/cb", null, "openai:chat", "needs a ClientId" },
        { new string('x', 101), "App", Secret, "https://app.example/cb", null, "openai:chat", "needs a ClientId" },
        { "bad", "", Secret, "https://app.example/cb", null, "openai:chat", "needs a Name" },
        { "bad", new string('x', 61), Secret, "https://app.example/cb", null, "openai:chat", "needs a Name" },
        { "bad", "App", "short", "https://app.example/cb", null, "openai:chat", "openssl rand -base64 32" },
        { "bad", "App", "", "https://app.example/cb", null, "openai:chat", "openssl rand -base64 32" },
        { "bad", "App", Secret, null, null, "openai:chat", "at least one entry in RedirectUris" },
        { "bad", "App", Secret, "http://app.example/cb", null, "openai:chat", "neither https nor http on loopback: http://app.example/cb" },
        { "bad", "App", Secret, "https://app.example/cb#part", null, "openai:chat", "redirect URI" },
        { "bad", "App", Secret, "myapp://callback", null, "openai:chat", "redirect URI" },
        { "bad", "App", Secret, "javascript:alert(1)", null, "openai:chat", "redirect URI" },
        { "bad", "App", Secret, "/callback", null, "openai:chat", "redirect URI" },
        { "bad", "App", Secret, "https://app.example/cb", "http://app.example", "openai:chat", "HomepageUrl" },
        { "bad", "App", Secret, "https://app.example/cb", "javascript:alert(1)", "openai:chat", "HomepageUrl" },
        { "bad", "App", Secret, "https://app.example/cb", null, "openai:organization", "Known: " },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task Says_what_to_change_in_an_entry_that_is_not_acceptable(
        string id, string name, string? secret, string? redirectUri, string? homepage, string? scope, string says)
    {
        var entry = new AppRegistration { ClientId = id, Name = name, ClientSecret = secret, HomepageUrl = homepage };
        if (redirectUri is not null)
        {
            entry.RedirectUris.Add(redirectUri);
        }

        entry.Scopes.Add(scope!);
        await using var services = shared.Host.Services.CreateAsyncScope();

        var register = () => services.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, CancellationToken.None);

        var message = (await register.Should().ThrowAsync<InvalidOperationException>()).Which.Message;
        message.Should().Contain($"Apps: '{id}'").And.Contain(says);
        message.Should().NotContain(Secret).And.NotContain("'short'", "a secret is not printed");
    }

    [Fact]
    public async Task Stops_the_start()
    {
        var start = () => BrokerHost.StartAsync(new() { ["Apps:1:ClientSecret"] = "too-short" });

        (await start.Should().ThrowAsync<InvalidOperationException>()).Which.Message
            .Should().Contain("Apps: 'other-app'").And.Contain("openssl").And.NotContain("too-short");
    }

    [Fact]
    public async Task Brings_a_changed_entry_up_to_date_at_the_next_start()
    {
        var directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
        try
        {
            await using (await BrokerHost.StartAsync(dataDirectory: directory))
            {
            }

            const string Moved = "https://app.example/moved";
            await using var broker = await BrokerHost.StartAsync(
                new() { ["Apps:0:RedirectUris:0"] = Moved, ["Apps:0:ClientSecret"] = Secret, ["Apps:0:Name"] = "Renamed\n\"App\"" }, dataDirectory: directory);
            using var person = await Person.WithKeyAsync(broker);
            var app = new OAuthApp(broker) { Secret = Secret };

            using var old = await person.GetAsync(app.AuthorizeUrl());
            var page = await Authorization.Consent.ConsentPage.OpenAsync(person, app.AuthorizeUrl(change: new() { ["redirect_uri"] = Moved }));
            using var answer = await page.AnswerAsync();
            var code = Authorization.Consent.ConsentPage.ParametersOf(answer)["code"];
            using var oldSecret = await new OAuthApp(broker) { Verifier = app.Verifier }.ExchangeAsync(code, new() { ["redirect_uri"] = Moved });
            using var newSecret = await app.ExchangeAsync(code, new() { ["redirect_uri"] = Moved });

            old.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            page.Text.Should().Contain("Renamed");
            (await OAuthApp.ErrorAsync(oldSecret)).Should().Be("invalid_client");
            newSecret.StatusCode.Should().Be(HttpStatusCode.OK);
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
