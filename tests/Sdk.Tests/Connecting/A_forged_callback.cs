using System.Net;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connecting;

/// <summary>One test for each way to hand an app an answer that is not the broker's answer to this browser.</summary>
public sealed class A_forged_callback(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task With_another_state_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));

        using var response = await app.OpenAsync(person, With(callback, "state", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));

        await RefusedAsync(app, person, response);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task Without_a_state_is_refused(string? state)
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));

        using var response = await app.OpenAsync(person, With(callback, "state", state));

        await RefusedAsync(app, person, response);
    }

    [Fact]
    public async Task With_the_state_twice_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));

        using var response = await app.OpenAsync(person, new Uri(callback.AbsoluteUri + "&state=" + Parameter(callback, "state")));

        await RefusedAsync(app, person, response);
    }

    [Fact]
    public async Task In_a_browser_that_began_no_connect_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var attacker = await Person.WithKeyAsync(Broker);
        using var victim = new Person(Broker);
        var callback = await app.AnswerAsync(attacker, await app.BeginAsync(attacker));

        using var response = await app.OpenAsync(victim, callback);

        await RefusedAsync(app, victim, response);
    }

    [Fact]
    public async Task With_a_code_that_was_given_to_another_browser_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var attacker = await Person.WithKeyAsync(Broker);
        using var victim = await Person.WithKeyAsync(Broker);
        var theirs = await app.AnswerAsync(attacker, await app.BeginAsync(attacker));
        var own = await app.AnswerAsync(victim, await app.BeginAsync(victim));

        using var response = await app.OpenAsync(victim, With(own, "code", Parameter(theirs, "code")));

        response.Headers.Location!.OriginalString.Should().Be("/chat?tokenbroker_error=invalid_grant", "PKCE binds the code to the browser that asked");
        (await Connecting_an_account.IsConnectedAsync(app, victim)).Should().BeFalse();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("https://evil.example/")]
    public async Task From_another_issuer_is_refused_and_its_code_goes_nowhere(string? issuer)
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));

        using var response = await app.OpenAsync(person, With(callback, "iss", issuer));

        response.Headers.Location!.OriginalString.Should().Be("/chat?tokenbroker_error=invalid_response");
        app.Traffic.To("/connect/token").Should().BeEmpty();
    }

    [Fact]
    public async Task Finished_by_another_user_of_the_app_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person, "ada"));

        using var response = await app.OpenAsync(person, callback, "mallory");

        response.Headers.Location!.OriginalString.Should().Be("/chat?tokenbroker_error=invalid_response");
        (await app.Of("mallory").IsConnectedAsync()).Should().BeFalse();
        app.Traffic.To("/connect/token").Should().BeEmpty();
    }

    [Fact]
    public async Task A_second_time_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));
        using var first = await app.OpenAsync(person, callback);

        using var second = await app.OpenAsync(person, callback);

        second.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        app.Traffic.To("/connect/token").Should().HaveCount(1);
        (await Connecting_an_account.IsConnectedAsync(app, person)).Should().BeTrue("the first one stands");
    }

    [Fact]
    public async Task After_fifteen_minutes_is_refused()
    {
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var app = await AppHost.StartAsync(Broker, new AppSettings { Clock = clock });
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));
        clock.Advance(TimeSpan.FromMinutes(15));

        using var response = await app.OpenAsync(person, callback);

        await RefusedAsync(app, person, response);
    }

    [Fact]
    public async Task With_a_tampered_state_cookie_is_refused()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person));
        var cookie = person.Cookies.GetAllCookies().Single(c => c.Name.StartsWith("tokenbroker.app.", StringComparison.Ordinal));
        cookie.Value = cookie.Value[..^4] + (cookie.Value[^4] == 'A' ? 'B' : 'A') + cookie.Value[^3..];

        using var response = await app.OpenAsync(person, callback);

        await RefusedAsync(app, person, response);
    }

    [Fact]
    public async Task Cannot_put_its_own_words_into_the_apps_address()
    {
        await using var app = await AppHost.StartAsync(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var callback = await app.AnswerAsync(person, await app.BeginAsync(person), new() { ["Form.Decision"] = "deny" });

        using var response = await app.OpenAsync(person, With(callback, "error", "<script>alert(1)</script>"));

        response.Headers.Location!.OriginalString.Should().Be("/chat?tokenbroker_error=server_error");
    }

    private static async Task RefusedAsync(AppHost app, Person person, HttpResponseMessage response)
    {
        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await response.Content.ReadAsStringAsync()).Should().StartWith("This connect was not begun in this browser");
        app.Traffic.To("/connect/token").Should().BeEmpty("its code must go nowhere");
        (await Connecting_an_account.IsConnectedAsync(app, person)).Should().BeFalse();
    }

    private static string Parameter(Uri uri, string name) => QueryHelpers.ParseQuery(uri.Query)[name].ToString();

    private static Uri With(Uri uri, string name, string? value)
    {
        var query = QueryHelpers.ParseQuery(uri.Query).ToDictionary(pair => pair.Key, pair => (string?)pair.Value.ToString());
        query[name] = value;
        return new Uri(QueryHelpers.AddQueryString(uri.GetLeftPart(UriPartial.Path), query.Where(pair => pair.Value is not null)));
    }
}
