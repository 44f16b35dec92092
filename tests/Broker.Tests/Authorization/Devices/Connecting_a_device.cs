using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Devices;

/// <summary>Checklist 12: device authorization (RFC 8628), confirmed explicitly.</summary>
[Trait("Checklist", "12")]
public sealed class Connecting_a_device(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Begins_with_a_short_code_of_consonants()
    {
        var device = await Device.StartAsync(Broker);

        device.UserCode.Should().MatchRegex("^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$");
        device.DeviceCode.Length.Should().Be(43, "it is 256 random bits");
        device.Started.GetProperty("expires_in").GetInt32().Should().BeInRange(595, 600);
        device.Started.GetProperty("interval").GetInt32().Should().Be(5);
        device.Started.GetProperty("verification_uri").GetString().Should().Be(Broker.Address + "/connect/verify");
        device.Started.GetProperty("verification_uri_complete").GetString().Should().Be(Broker.Address + "/connect/verify?user_code=" + device.UserCode);
    }

    [Fact]
    public async Task Is_announced()
    {
        using var http = Broker.NewClient();

        var metadata = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");

        metadata.GetProperty("device_authorization_endpoint").GetString().Should().Be(Broker.Address + "/connect/device");
        metadata.GetProperty("grant_types_supported").EnumerateArray().Select(type => type.GetString())
            .Should().Contain("urn:ietf:params:oauth:grant-type:device_code");
    }

    [Fact]
    public async Task Gives_tokens_that_work_and_are_refreshed()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        await device.ApproveAsync(person);

        using var response = await device.PollAsync();

        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        var tokens = await OAuthApp.ReadAsync(response);
        tokens.Scope.Split(' ').Should().BeEquivalentTo(Device.Scope.Split(' '));
        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        using var refreshed = await device.App.RefreshAsync(tokens.RefreshToken);
        await OAuthApp.ReadAsync(refreshed);
        (await person.AuditAsync()).Should().Contain(["grant.approved", "device.approved"]);
    }

    [Fact]
    public async Task Gives_what_the_person_left_of_it()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        var page = await device.SeeAsync(person);
        using var answer = await Device.AnswerAsync(person, page, more: new() { ["Form.Scopes"] = "openai:models", ["Form.Budget"] = "1.25" });
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);

        using var response = await device.PollAsync();

        (await OAuthApp.ReadAsync(response)).Scope.Split(' ').Should().BeEquivalentTo("openai:models", "offline_access");
        (await GrantOfAsync(person)).BudgetMicros.Should().Be(1_250_000);
    }

    [Fact]
    public async Task Puts_to_the_person_what_the_device_proposes()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(
            new OAuthApp(Broker, BrokerHost.DeviceAppId),
            details: """[{"type":"model_access","upstream":"openai","budget":{"amount":"2.50","currency":"USD","period":"day"}}]""");
        await device.ApproveAsync(person);

        using var response = await device.PollAsync();

        var granted = (await OAuthApp.ReadAsync(response)).Raw.GetProperty("authorization_details")[0].GetProperty("budget");
        granted.GetProperty("amount").GetString().Should().Be("2.50");
        granted.GetProperty("period").GetString().Should().Be("day");
    }

    [Fact]
    public async Task Binds_the_tokens_to_the_key_that_the_device_proves()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var device = await Device.StartAsync(Broker);
        await device.ApproveAsync(person);

        using var response = await device.PollAsync(await prover.AppAsync(BrokerHost.DeviceAppId));

        var tokens = await OAuthApp.ReadAsync(response);
        tokens.Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
        (await prover.CallAsync(tokens.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);
        (await new Api(Broker, tokens.AccessToken).GetAsync("/models")).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Tells_the_person_to_go_back_to_the_device()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        using var answer = await Device.AnswerAsync(person, await device.SeeAsync(person));

        // A 303: the form may have held a key, and a reload must not send it again.
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        answer.Headers.Location!.OriginalString.Should().Be("/connect/verify");
        (await person.PageAsync("/connect/verify")).QuerySelector("h1")!.TextContent.Should().Be("Go back to your device");
        (await person.PageAsync("/connect/verify")).QuerySelector("h1")!.TextContent.Should().Be("Connect a device");
    }

    [Fact]
    public async Task Tells_the_device_of_a_refusal_and_grants_nothing()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        using var answer = await Device.AnswerAsync(person, await device.SeeAsync(person), "deny");

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        (await person.PageAsync("/connect/verify")).QuerySelector("h1")!.TextContent.Should().Be("Not connected");
        (await device.PollErrorAsync()).Should().Be("access_denied");
        (await person.AuditAsync()).Should().Contain("consent.denied").And.NotContain("grant.approved");
    }

    [Fact]
    public async Task Asks_whether_the_device_shows_this_code_and_warns()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);

        var page = await device.SeeAsync(person);

        page.QuerySelector("h1")!.TextContent.Should().Contain("Device App");
        page.QuerySelector(".device-code")!.TextContent.Should().Contain("Does your device show this code?")
            .And.Contain(device.UserCode)
            .And.Contain("Only go on if you started this on your own device.")
            .And.Contain("Nobody from TokenBroker will ever ask you to enter a code.");
        page.Body!.TextContent.Should().Contain(person.Email);
    }

    [Fact]
    public async Task Takes_nothing_for_confirmed_by_a_link()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);

        var page = await person.PageAsync(device.Started.GetProperty("verification_uri_complete").GetString()!);

        ((AngleSharp.Html.Dom.IHtmlInputElement)page.QuerySelector("#user_code")!).Value.Should().Be(device.UserCode);
        page.QuerySelector("[name='Form.Decision']").Should().BeNull("the code is only filled in");
        (await device.PollErrorAsync()).Should().Be("authorization_pending");
    }

    [Fact]
    public async Task Keeps_the_code_through_a_sign_in()
    {
        var device = await Device.StartAsync(Broker);
        using var person = new Person(Broker);
        using var toSignIn = await person.GetAsync("/connect/verify?user_code=" + device.UserCode);
        var toSignUp = (await person.PageAsync(toSignIn.Headers.Location!.ToString())).QuerySelector("a[href^='/sign-up']")!.GetAttribute("href")!;

        using var signedUp = await person.PostAsync(toSignUp, new() { ["Email"] = person.Email, ["Password"] = Person.Password });

        var page = await person.PageAsync(signedUp.Headers.Location!.ToString());
        ((AngleSharp.Html.Dom.IHtmlInputElement)page.QuerySelector("#user_code")!).Value.Should().Be(device.UserCode);
    }

    [Fact]
    public async Task Takes_a_key_on_the_way_and_keeps_it_out_of_the_log()
    {
        using var person = await Person.SignedUpAsync(Broker);
        var device = await Device.StartAsync(Broker);
        var key = BrokerHost.NewKey();

        using var answer = await Device.AnswerAsync(person, await device.SeeAsync(person), more: new() { ["Form.NewKey"] = key });

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        using var tokens = await device.PollAsync();
        await OAuthApp.ReadAsync(tokens);
        Broker.Log.Lines.Should().NotContain(line => line.Contains(key, StringComparison.Ordinal));
        person.Received.Should().NotContain(text => text.Contains(key, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Shows_the_form_again_where_it_is_wrong_and_the_device_waits()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);

        using var wrong = await Device.AnswerAsync(person, await device.SeeAsync(person), more: new() { ["Form.Budget"] = "nonsense" });

        (await device.PollErrorAsync()).Should().Be("authorization_pending");
        using var answer = await Device.AnswerAsync(person, await Person.ParseAsync(wrong), more: new() { ["Form.Budget"] = "3" });
        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
    }

    [Fact]
    [Trait("Checklist", "10")]
    public async Task Asks_again_though_a_grant_covers_it()
    {
        using var person = await Person.WithKeyAsync(Broker);
        await (await Device.StartAsync(Broker)).ApproveAsync(person);

        var another = await Device.StartAsync(Broker);

        await another.SeeAsync(person);
        (await another.PollErrorAsync()).Should().Be("authorization_pending", "anybody can start a device");
    }

    [Fact]
    [Trait("Checklist", "10")]
    public async Task Is_guarded_against_forged_posts_and_frames()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker);
        foreach (var address in (string[])["/connect/verify", "/connect/verify?handler=Answer"])
        {
            using var forged = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, address)
            {
                Content = new FormUrlEncodedContent(new Dictionary<string, string>
                {
                    ["user_code"] = device.UserCode,
                    ["Form.Decision"] = "approve",
                    ["Form.Budget"] = "5",
                    ["Form.LifetimeDays"] = "30",
                }),
            });
            forged.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        }

        using var page = await person.GetAsync("/connect/verify");
        page.Headers.GetValues("Content-Security-Policy").Single().Should().Contain("frame-ancestors 'none'").And.EndWith("form-action 'self'");
        page.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
        (await device.PollErrorAsync()).Should().Be("authorization_pending");
    }

    [Theory]
    [InlineData(BrokerHost.AppId)]
    [InlineData(BrokerHost.PublicAppId)]
    public async Task Is_for_apps_that_are_registered_for_it(string clientId)
    {
        using var response = await Device.AskAsync(new OAuthApp(Broker, clientId));

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("unauthorized_client");
    }

    [Theory]
    [InlineData("openai:everything")]
    [InlineData("offline_access")]
    [InlineData(null)]
    public async Task Is_refused_to_the_device_where_nobody_could_be_asked(string? scope)
    {
        using var response = await Device.AskAsync(new OAuthApp(Broker, BrokerHost.DeviceAppId), scope);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_scope");
    }

    private Task<TokenBroker.Grants.Grant> GrantOfAsync(Person person) => Broker.WithDatabaseAsync(
        db => db.Grants.AsNoTracking().SingleAsync(g => g.UserId == db.Users.Single(u => u.Email == person.Email).Id));
}
