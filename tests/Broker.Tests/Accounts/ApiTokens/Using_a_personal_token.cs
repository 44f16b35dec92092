using System.Net;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts.ApiTokens;

public sealed class Using_a_personal_token(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Is_shown_once_and_stored_as_a_hash()
    {
        using var developer = await Developer.SignedUpAsync(Broker);

        developer.Token.Should().StartWith("tbp_");
        WebEncoders.Base64UrlDecode(developer.Token["tbp_".Length..]).Should().HaveCount(32);
        var row = await Broker.WithDatabaseAsync(db => db.ApiTokens.AsNoTracking().SingleAsync(t => t.UserId == developer.UserId));
        row.Hash.Should().Equal(SHA256.HashData(Encoding.UTF8.GetBytes(developer.Token)));
        (await developer.Person.PageAsync("/account")).Body!.TextContent.Should().Contain("Test").And.NotContain(developer.Token);
        (await developer.Person.AuditAsync()).Should().EndWith("api_token.created");
        Broker.Log.Lines.Should().NotContain(line => line.Contains(developer.Token, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Is_refused_from_the_moment_it_is_revoked()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        (await developer.SendAsync(HttpMethod.Get, "/apps")).StatusCode.Should().Be(HttpStatusCode.OK);

        using (await developer.Person.PostAsync("/account", [], "form[action*='tokens?handler=Revoke']"))
        {
        }

        (await developer.SendAsync(HttpMethod.Get, "/apps")).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await developer.Person.AuditAsync()).Should().EndWith("api_token.revoked");
    }

    [Fact]
    public async Task Is_the_only_thing_that_the_API_takes()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await new OAuthApp(Broker).ConnectAsync(person);

        foreach (var token in new string?[]
        {
            null, "", "tbp_", developer.Token[..^1], developer.Token + "A", developer.Token["tbp_".Length..], tokens.AccessToken, tokens.RefreshToken, new string('x', 150),
        })
        {
            using var response = await developer.SendAsync(HttpMethod.Get, "/apps", null, token);
            response.StatusCode.Should().Be(HttpStatusCode.Unauthorized, token);
            response.Headers.WwwAuthenticate.ToString().Should().StartWith("Bearer");
            response.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
        }

        using var byCookie = await developer.Person.GetAsync("/api/v1/apps");
        byCookie.StatusCode.Should().Be(HttpStatusCode.Unauthorized, "a cookie rides on requests that a page elsewhere makes");
        using var byQuery = await developer.SendAsync(HttpMethod.Get, $"/apps?access_token={developer.Token}", null, null);
        byQuery.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        using var atGateway = await new Api(Broker, developer.Token).GetAsync("/models");
        atGateway.StatusCode.Should().Be(HttpStatusCode.Unauthorized, "it is for the management API alone");
    }

    [Fact]
    public async Task Ends_with_its_lifetime_and_notes_its_use_once_a_minute()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var developer = await Developer.SignedUpAsync(broker);
        await UseAsync();
        var first = await LastUsedAsync();
        clock.Advance(TimeSpan.FromSeconds(59));
        await UseAsync();
        (await LastUsedAsync()).Should().Be(first);
        clock.Advance(TimeSpan.FromSeconds(2));
        await UseAsync();
        (await LastUsedAsync()).Should().Be(first!.Value.AddSeconds(61));

        clock.Advance(TimeSpan.FromDays(7));
        (await developer.SendAsync(HttpMethod.Get, "/apps")).StatusCode.Should().Be(HttpStatusCode.Unauthorized);

        async Task UseAsync() => (await developer.SendAsync(HttpMethod.Get, "/apps")).StatusCode.Should().Be(HttpStatusCode.OK);
        Task<DateTime?> LastUsedAsync() => broker.WithDatabaseAsync(db => db.ApiTokens.Where(t => t.UserId == developer.UserId).Select(t => t.LastUsedAt).SingleAsync());
    }

    [Theory]
    [InlineData("", "30")]
    [InlineData("   ", "30")]
    [InlineData("Script", "0")]
    [InlineData("Script", "36500")]
    [InlineData("Script", "-7")]
    public async Task Is_not_made_without_a_name_or_with_another_lifetime(string name, string days)
    {
        using var person = await Person.SignedUpAsync(Broker);

        using var response = await person.PostFromAsync("/account", "/account/tokens?handler=Create", new() { ["name"] = name, ["days"] = days });

        response.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await person.AuditAsync()).Should().NotContain("api_token.created");
    }

    public static TheoryData<string, string, HttpStatusCode> Bodies => new()
    {
        { "{", "application/json", HttpStatusCode.BadRequest },
        { "[]", "application/json", HttpStatusCode.BadRequest },
        { "null", "application/json", HttpStatusCode.BadRequest },
        { """{"name":"A","kind":"server","nmae":"B"}""", "application/json", HttpStatusCode.BadRequest },
        { """{"name":"A","name":"B","kind":"server"}""", "application/json", HttpStatusCode.BadRequest },
        { """{"name":null,"kind":"server"}""", "application/json", HttpStatusCode.BadRequest },
        { """{"name":"A","kind":1}""", "application/json", HttpStatusCode.BadRequest },
        { """{"name":"A","kind":"mainframe"}""", "application/json", HttpStatusCode.BadRequest },
        { """{"name":"A"}""", "application/json", HttpStatusCode.BadRequest },
        { """{"name":"A","kind":"server"}""", "text/plain", HttpStatusCode.UnsupportedMediaType },
    };

    [Theory]
    [MemberData(nameof(Bodies))]
    public async Task Gets_a_problem_that_says_what_is_wrong_with_a_body(string body, string type, HttpStatusCode status)
    {
        using var developer = await Developer.SignedUpAsync(Broker);

        using var response = await developer.SendAsync(HttpMethod.Post, "/apps", new StringContent(body, Encoding.UTF8, type), developer.Token);

        response.StatusCode.Should().Be(status);
        response.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
        (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("status").GetInt32().Should().Be((int)status);
    }

    [Fact]
    public async Task Sends_no_body_over_32_KB()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        var body = Developer.AppBody(new string('x', 33 * 1024));

        using var response = await developer.SendAsync(HttpMethod.Post, "/apps", body);

        response.StatusCode.Should().Be(HttpStatusCode.RequestEntityTooLarge);
    }
}
