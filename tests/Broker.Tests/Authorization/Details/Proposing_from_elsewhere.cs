using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Authorization.Devices;
using TokenBroker.Tests.Authorization.PushedRequests;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Details;

/// <summary>A proposal that was pushed, or that comes from a device, is checked and shown as one in the browser's address is.</summary>
public sealed class Proposing_from_elsewhere(SharedBroker shared)
{
    private const string Proposal =
        """[{"type":"model_access","upstream":"openai","models":["gpt-4o-mini"],"budget":{"amount":"2.50","currency":"USD","period":"day"},"lifetime":604800}]""";

    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("nonsense")]
    [InlineData("""[{"type":"model_access","upstream":"openai","budget":{"amount":"5","currency":"EUR","period":"day"}}]""")]
    [InlineData("""[{"type":"model_access","upstream":"openai","limit":1}]""")]
    public async Task Is_refused_at_once(string details)
    {
        using var pushed = await new OAuthApp(Broker).PushAsync(new() { ["authorization_details"] = details });
        using var device = await new OAuthApp(Broker, BrokerHost.DeviceAppId).PostAsync(
            "/connect/device", new() { ["scope"] = Device.Scope, ["authorization_details"] = details });

        foreach (var response in new[] { pushed, device })
        {
            response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_authorization_details");
        }
    }

    [Fact]
    public async Task Is_shown_and_held_to_where_it_was_pushed()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var url = await person.TakeAsync(await app.PushedUrlAsync(new() { ["authorization_details"] = Proposal }));

        var page = await ConsentPage.OpenAsync(person, url);
        page.Values("Form.Budget").Should().Equal("2.5");
        using var refused = await page.Set("Form.Budget", "3").Set("authorization_details", Proposal.Replace("2.50", "9.00", StringComparison.Ordinal)).AnswerAsync();

        var again = await page.AgainAsync(refused);
        again.Complaint("Form.Budget").Should().Contain("$2.50 a day", "what counts is what was pushed");
        var tokens = await again.Set("Form.Budget", "2.5").ApproveAsync(app);
        tokens.Raw.GetProperty("authorization_details")[0].GetProperty("budget").GetProperty("amount").GetString().Should().Be("2.50");
    }

    [Fact]
    public async Task Is_shown_where_a_device_made_it()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var device = await Device.StartAsync(Broker, details: Proposal);

        var page = await device.SeeAsync(person);
        page.Body!.TextContent.Should().Contain("proposes at most $2.50 a day");
        using var answer = await Device.AnswerAsync(person, page);

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        using var polled = await device.PollAsync();
        var detail = (await OAuthApp.ReadAsync(polled)).Raw.GetProperty("authorization_details")[0];
        detail.GetProperty("budget").GetProperty("period").GetString().Should().Be("day");
        detail.GetProperty("models").EnumerateArray().Select(m => m.GetString()).Should().Equal("gpt-4o-mini");
    }
}
