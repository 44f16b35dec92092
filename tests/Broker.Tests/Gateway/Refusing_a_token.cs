using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Refusing_a_token(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""";

    private BrokerHost Broker => own.Host;

    private string Metadata => Broker.Address + "/.well-known/oauth-protected-resource/openai/v1";

    [Fact]
    public async Task That_is_missing_challenges_without_an_error()
    {
        using var response = await new Api(Broker, null).ChatAsync();

        await BeInvalidTokenAsync(response);
        response.Headers.WwwAuthenticate.ToString().Should().Be(
            $"Bearer realm=\"TokenBroker\", resource_metadata=\"{Metadata}\", "
            + $"DPoP realm=\"TokenBroker\", resource_metadata=\"{Metadata}\", algs=\"ES256 ES384 RS256 PS256\"", "RFC 6750, section 3.1");
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("a.b.c")]
    [InlineData("sk-an-api-key-of-the-provider-itself")]
    [InlineData("\"quoted\"")]
    public async Task That_is_garbage_names_the_error(string token)
    {
        using var response = await new Api(Broker, token).ChatAsync();

        await BeInvalidTokenAsync(response);
        response.Headers.WwwAuthenticate.ToString().Should().Contain("error=\"invalid_token\"");
    }

    [Fact]
    public async Task That_is_overlong_does_not_read_it()
    {
        using var response = await new Api(Broker, new string('a', 9_000)).ChatAsync();

        await BeInvalidTokenAsync(response);
    }

    [Fact]
    public async Task That_is_a_refresh_token_takes_it_for_garbage()
    {
        var connected = await own.SomebodyAsync();

        using var response = await new Api(Broker, connected.Tokens.RefreshToken).ChatAsync();

        await BeInvalidTokenAsync(response);
    }

    [Fact]
    public async Task That_was_changed_in_one_place_takes_it_for_garbage()
    {
        var connected = await own.SomebodyAsync();
        var token = connected.Tokens.AccessToken;
        var middle = token.Length / 2;

        using var response = await new Api(Broker, token[..middle] + (token[middle] == 'A' ? 'B' : 'A') + token[(middle + 1)..]).ChatAsync();

        await BeInvalidTokenAsync(response);
    }

    [Theory]
    [InlineData("?access_token=", "/openai/v1/models")]
    [InlineData("?api_key=", "/openai/v1/models")]
    public async Task In_the_query_does_not_look_there(string query, string path)
    {
        var connected = await own.SomebodyAsync();

        using var response = await Broker.NewClient().GetAsync(path + query + Uri.EscapeDataString(connected.Tokens.AccessToken));

        await BeInvalidTokenAsync(response);
    }

    [Fact]
    public async Task In_a_form_does_not_look_there()
    {
        var connected = await own.SomebodyAsync();
        using var form = new FormUrlEncodedContent([KeyValuePair.Create("access_token", connected.Tokens.AccessToken)]);

        using var response = await Broker.NewClient().PostAsync("/openai/v1/chat/completions", form);

        await BeInvalidTokenAsync(response);
    }

    [Theory]
    [InlineData("Basic")]
    [InlineData("DPoP")]
    [InlineData("Token")]
    public async Task Under_another_scheme_does_not_take_it(string scheme)
    {
        var connected = await own.SomebodyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/openai/v1/models");
        request.Headers.Authorization = new AuthenticationHeaderValue(scheme, connected.Tokens.AccessToken);

        using var response = await Broker.NewClient().SendAsync(request);

        await BeInvalidTokenAsync(response);
    }

    [Fact]
    public async Task Beside_a_second_one_takes_neither()
    {
        var connected = await own.SomebodyAsync();
        var before = Broker.Journal.Arrived;

        var answer = await RawHttp.SendAsync(Broker, RawHttp.Request(
            "POST", "/openai/v1/chat/completions", connected.Tokens.AccessToken, Chat, $"Authorization: Bearer {connected.Tokens.AccessToken}\r\n"));

        answer.Status.Should().BeOneOf(400, 401);
        Broker.Journal.Arrived.Should().Be(before);
    }

    [Fact]
    public async Task That_was_revoked_with_its_grant_says_so()
    {
        using var connected = await Connected.AsAsync(Broker);
        await connected.Person.PressAsync("Test App", "Revoke");

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().BeOneOf("grant_revoked", "invalid_token");
        connected.Received.Should().BeEmpty();
    }

    [Fact]
    public async Task That_is_good_works_again_whatever_was_refused_before()
    {
        var connected = await own.SomebodyAsync();
        using (var refused = await new Api(Broker, "garbage").ChatAsync())
        {
            refused.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task After_thirty_minutes_refuses_it()
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(2026, 11, 10, 12, 0, 0, TimeSpan.Zero));
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker);
        clock.Advance(TimeSpan.FromMinutes(29));
        using (var before = await connected.Api.ChatAsync())
        {
            before.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        clock.Advance(TimeSpan.FromMinutes(2));
        using var after = await connected.Api.ChatAsync();

        after.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(after)).Code.Should().Be("invalid_token");
    }

    private static async Task BeInvalidTokenAsync(HttpResponseMessage response)
    {
        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_token");
        response.Headers.WwwAuthenticate.Should().NotBeEmpty();
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
    }
}
