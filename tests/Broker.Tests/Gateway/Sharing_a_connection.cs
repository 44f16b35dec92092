using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>Behind a reverse proxy, calls of many people come by one connection. Each is its own caller's, whoever called before on it.</summary>
public sealed class Sharing_a_connection(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    [Fact]
    [Trait("Checklist", "17")]
    public async Task Sends_each_call_with_the_key_of_its_own_user()
    {
        using var one = await Connected.AsAsync(own.Host);
        using var other = await Connected.AsAsync(own.Host);
        using var connection = OneConnection();

        foreach (var user in new[] { one, one, other, one, other, other, one })
        {
            (await ChatAsync(connection, user.Tokens.AccessToken, $"of {user.GrantId}")).Should().Be(HttpStatusCode.OK);
        }

        one.Received.Should().HaveCount(4).And.OnlyContain(e => e.Text.Contains($"of {one.GrantId}", StringComparison.Ordinal));
        other.Received.Should().HaveCount(3).And.OnlyContain(e => e.Text.Contains($"of {other.GrantId}", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Refuses_a_token_that_was_good_a_call_ago_and_is_revoked_since()
    {
        using var one = await Connected.AsAsync(own.Host);
        using var other = await Connected.AsAsync(own.Host);
        using var connection = OneConnection();
        (await ChatAsync(connection, one.Tokens.AccessToken)).Should().Be(HttpStatusCode.OK);
        (await ChatAsync(connection, one.Tokens.AccessToken)).Should().Be(HttpStatusCode.OK);

        using var revoked = await new OAuthApp(own.Host).RevokeAsync(one.Tokens.RefreshToken);

        (await ChatAsync(connection, one.Tokens.AccessToken)).Should().Be(HttpStatusCode.Unauthorized);
        (await ChatAsync(connection, other.Tokens.AccessToken)).Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Knows_nobody_without_a_token_or_by_another()
    {
        using var one = await Connected.AsAsync(own.Host);
        using var connection = OneConnection();
        (await ChatAsync(connection, one.Tokens.AccessToken)).Should().Be(HttpStatusCode.OK);

        (await ChatAsync(connection, null)).Should().Be(HttpStatusCode.Unauthorized);
        (await ChatAsync(connection, one.Tokens.AccessToken[..^1])).Should().Be(HttpStatusCode.Unauthorized);
        (await ChatAsync(connection, one.Tokens.AccessToken + "A")).Should().Be(HttpStatusCode.Unauthorized);
    }

    private HttpClient OneConnection() => new(new SocketsHttpHandler { MaxConnectionsPerServer = 1, UseCookies = false }) { BaseAddress = new Uri(own.Host.Address) };

    private static async Task<HttpStatusCode> ChatAsync(HttpClient connection, string? token, string text = "Hello")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/openai/v1/chat/completions")
        {
            Content = JsonContent.Create(new { model = "gpt-4o-mini", messages = new[] { new { role = "user", content = text } } }),
        };
        request.Headers.Authorization = token is null ? null : new AuthenticationHeaderValue("Bearer", token);
        using var response = await connection.SendAsync(request);
        await response.Content.ReadAsByteArrayAsync();
        return response.StatusCode;
    }
}
