using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Calling_through_the_broker(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Puts_the_users_key_in_place_of_the_apps_token()
    {
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(Broker, key);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);

        using var response = await new Api(Broker, tokens.AccessToken).ChatAsync("Hello there");

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        var answer = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString();
        answer.Should().Be(Reply.To("Hello there"));
        var received = await Broker.Journal.WaitForAsync(e => e.Key == key && e.Path == "/v1/chat/completions", TimeSpan.FromSeconds(30));
        received.HeaderValues("Authorization").Should().Equal($"Bearer {key}");
        received.Text.Should().NotContain(tokens.AccessToken);
    }

    [Fact]
    public async Task Is_refused_at_once_after_the_user_revokes()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);
        var api = new Api(Broker, tokens.AccessToken);
        using (var before = await api.ChatAsync())
        {
            before.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        await person.PressAsync("Test App", "Revoke");

        using var after = await api.ChatAsync();
        after.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(after)).Code.Should().Be("grant_revoked");
    }

    [Fact]
    public async Task Ends_an_open_stream_when_the_user_revokes()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);
        using var response = await new Api(Broker, tokens.AccessToken).OpenStreamAsync("[[events:5000]] [[delay:20]]");
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        await using var stream = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[4096];
        (await stream.ReadAsync(buffer)).Should().BePositive();

        await person.PressAsync("Test App", "Revoke");

        var text = "";
        var read = async () =>
        {
            int length;
            while ((length = await stream.ReadAsync(buffer)) > 0)
            {
                text += System.Text.Encoding.UTF8.GetString(buffer, 0, length);
            }
        };
        await read.Should().ThrowAsync<IOException>("a cut answer must not look whole");
        text.Should().Contain("event: error").And.Contain("grant_revoked");
    }
}
