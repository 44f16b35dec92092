using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Accounts;

public sealed class Too_many_tries : IAsyncLifetime
{
    private BrokerHost Broker { get; set; } = null!;

    public async ValueTask InitializeAsync() => Broker = await BrokerHost.StartAsync(new() { ["Accounts:SignInAttemptsPerMinute"] = "4" });

    public ValueTask DisposeAsync() => Broker.DisposeAsync();

    [Fact]
    public async Task From_one_address_are_put_off_whatever_account_they_try()
    {
        using var browser = new Person(Broker);
        var page = await browser.PageAsync("/sign-in");
        for (var i = 0; i < 4; i++)
        {
            using var allowed = await browser.SubmitAsync(page, "/sign-in", new() { ["Email"] = $"person{i}@example.com", ["Password"] = "a guess" });
            allowed.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        using var refused = await browser.SubmitAsync(page, "/sign-in", new() { ["Email"] = "person9@example.com", ["Password"] = "a guess" });

        refused.StatusCode.Should().Be(HttpStatusCode.TooManyRequests);
        refused.Headers.RetryAfter!.Delta.Should().BePositive().And.BeLessThanOrEqualTo(TimeSpan.FromMinutes(1));
        var shown = await Person.ParseAsync(refused);
        shown.QuerySelector("h1")!.TextContent.Should().Be("Too many tries");
        refused.Headers.GetValues("Content-Security-Policy").Should().ContainSingle();

        using var signUp = await browser.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/sign-up") { Content = new FormUrlEncodedContent([]) });
        signUp.StatusCode.Should().Be(HttpStatusCode.TooManyRequests, "one limit holds for all forms with credentials");

        using var script = await browser.PostFromAsync("/sign-in", "/sign-in?handler=PasskeyOptions", [], "application/json");
        script.StatusCode.Should().Be(HttpStatusCode.OK, "options are counted apart: the page asks for them by itself");
        (await browser.PageAsync("/sign-in")).QuerySelector("#Email").Should().NotBeNull("reading is free");
    }
}
