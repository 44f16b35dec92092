using System.Buffers.Text;
using System.Net;
using System.Text;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connecting;

public sealed class The_apps_cookies(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Reveal_nothing_of_the_tokens_the_code_or_the_verifier()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(person);
        using var answer = await app.SendAsync(person, HttpMethod.Get, "/ask?text=Hello");
        answer.StatusCode.Should().Be(HttpStatusCode.OK);

        // Every header that the browser received, the cookies of the connect that are gone by now included.
        var seen = string.Join('\n', person.Received);
        seen.Should().Contain("tokenbroker.app.");
        app.Traffic.Secrets.Should().HaveCount(4, "a code, a verifier, an access token and a refresh token went by");
        var code = app.Traffic.Secrets.First(secret => seen.Contains("code=" + secret, StringComparison.Ordinal));
        foreach (var secret in app.Traffic.Secrets.Where(secret => secret != code))
        {
            seen.Should().NotContain(secret);
            seen.Should().NotContain(Convert.ToBase64String(Encoding.UTF8.GetBytes(secret)));
            seen.Should().NotContain(Base64Url.EncodeToString(Encoding.UTF8.GetBytes(secret)));
        }

        person.Cookies.GetAllCookies().Select(cookie => cookie.Value).Should().NotContain(value => value.Contains(code, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Are_out_of_reach_of_scripts_and_of_other_sites_posts()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        using var start = await app.SendAsync(person, HttpMethod.Get, "/tokenbroker/connect");
        using var end = await app.OpenAsync(person, await app.AnswerAsync(person, start.Headers.Location!));

        var cookies = start.Headers.GetValues("Set-Cookie").Concat(end.Headers.GetValues("Set-Cookie")).ToList();

        cookies.Should().HaveCount(3, "the connect's, its removal, and the browser's id");
        cookies.Should().AllSatisfy(cookie => cookie.ToLowerInvariant().Should()
            .Contain("; httponly").And.Contain("; samesite=lax").And.Contain("; path=/").And.NotContain("; domain="));
    }

    [Fact]
    public async Task Are_bound_to_the_host_over_https()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = new Person(Broker);

        using var start = await app.SendAsync(
            person, HttpMethod.Get, "/tokenbroker/connect", change: request => request.Headers.Add("X-Forwarded-Proto", "https"));

        start.Headers.GetValues("Set-Cookie").Should().ContainSingle()
            .Which.Should().StartWith("__Host-tokenbroker.app.").And.Contain("; secure");
    }

    [Fact]
    public async Task Name_a_new_browser_at_each_connect_so_that_a_planted_one_never_holds_tokens()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var attacker = await Person.WithKeyAsync(Broker);
        using var victim = await Person.WithKeyAsync(Broker);
        await app.ConnectAsync(attacker);
        var planted = attacker.Cookies.GetAllCookies().Single(cookie => cookie.Name.EndsWith(".id", StringComparison.Ordinal));
        victim.Cookies.Add(new Cookie(planted.Name, planted.Value, "/", "localhost"));

        await app.ConnectAsync(victim);

        var own = victim.Cookies.GetAllCookies().Single(cookie => cookie.Name.EndsWith(".id", StringComparison.Ordinal));
        own.Value.Should().NotBe(planted.Value);
    }

    [Fact]
    public async Task Of_one_app_mean_nothing_to_another_on_the_same_host()
    {
        await using var one = await AppHost.StartAsync(Broker);
        await using var two = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);

        await one.ConnectAsync(person);

        (await Connecting_an_account.IsConnectedAsync(one, person)).Should().BeTrue();
        (await Connecting_an_account.IsConnectedAsync(two, person)).Should().BeFalse();
    }

    [Fact]
    public async Task Do_not_pile_up_when_a_connect_is_begun_again_and_again()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        for (var i = 0; i < 30; i++)
        {
            await app.BeginAsync(person);
        }

        person.Cookies.GetAllCookies().Count(cookie => cookie.Name.StartsWith("tokenbroker.app.", StringComparison.Ordinal))
            .Should().BeLessThanOrEqualTo(10, "a server refuses a request whose headers are too large");
        (await app.ConnectAsync(person)).Should().Be("/chat");
    }
}
