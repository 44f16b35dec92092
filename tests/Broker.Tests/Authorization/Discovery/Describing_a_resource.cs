using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.RegularExpressions;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Discovery;

/// <summary>RFC 9728: from a refusal to the server that gives tokens, with nothing known before.</summary>
[Trait("Checklist", "7")]
public sealed class Describing_a_resource(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Names_the_server_the_scopes_and_itself()
    {
        using var http = Broker.NewClient();

        using var response = await http.GetAsync(new Uri("/.well-known/oauth-protected-resource/openai/v1", UriKind.Relative));
        var metadata = await response.Content.ReadFromJsonAsync<JsonElement>();

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
        response.Headers.CacheControl!.MaxAge.Should().Be(TimeSpan.FromHours(1));
        metadata.GetProperty("resource").GetString().Should().Be(Broker.Address + "/openai/v1");
        metadata.GetProperty("resource_name").GetString().Should().Contain("OpenAI");
        Strings(metadata, "authorization_servers").Should().Equal(Broker.Address + "/");
        Strings(metadata, "bearer_methods_supported").Should().Equal("header");
        Strings(metadata, "scopes_supported").Should().Contain(["openai:chat", "openai:models", "offline_access"]).And.NotContain("email");
    }

    [Theory]
    [InlineData("/.well-known/oauth-protected-resource/nobody/v1")]
    [InlineData("/.well-known/oauth-protected-resource/openai/v2")]
    [InlineData("/.well-known/oauth-protected-resource/openai")]
    [InlineData("/.well-known/oauth-protected-resource/OPENAI/v1")]
    public async Task Is_not_found_where_there_is_none(string path)
    {
        using var http = Broker.NewClient();

        using var response = await http.GetAsync(new Uri(path, UriKind.Relative));

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("not-a-token")]
    public async Task Is_pointed_to_by_a_refusal_for_want_of_a_token(string? token)
    {
        using var response = await new Api(Broker, token).GetAsync("/models");

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        await PointsToMetadataAsync(response);
    }

    [Fact]
    public async Task Is_pointed_to_by_a_refusal_for_want_of_a_scope()
    {
        using var connected = await Connected.AsAsync(Broker, "openai:models offline_access");

        using var response = await connected.Api.ChatAsync();

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        response.Headers.WwwAuthenticate.ToString().Should().Contain("scope=\"openai:chat\"");
        await PointsToMetadataAsync(response);
    }

    private async Task PointsToMetadataAsync(HttpResponseMessage response)
    {
        var challenge = response.Headers.WwwAuthenticate.ToString();
        challenge.Should().StartWith("Bearer ");
        var address = Regex.Match(challenge, "resource_metadata=\"([^\"]+)\"").Groups[1].Value;
        using var http = Broker.NewClient();
        var metadata = await http.GetFromJsonAsync<JsonElement>(address);

        // RFC 9728, section 3.3: the resource must be the one that was called, or the metadata is not used.
        response.RequestMessage!.RequestUri!.AbsoluteUri.Should().StartWith(metadata.GetProperty("resource").GetString() + "/");
    }

    private static IEnumerable<string?> Strings(JsonElement metadata, string name) => metadata.GetProperty(name).EnumerateArray().Select(e => e.GetString());
}
