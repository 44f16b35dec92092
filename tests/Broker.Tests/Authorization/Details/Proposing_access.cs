using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Authorization.Details;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Details;

/// <summary>RFC 9396: what is proposed is checked before a person sees it.</summary>
public sealed class Proposing_access(SharedBroker shared)
{
    private const string Scope = "openai:chat offline_access";
    private static Person? s_person;

    private BrokerHost Broker => shared.Host;

    [Theory]
    [InlineData("nonsense")]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("[1]")]
    [InlineData("""{"type":"model_access","upstream":"openai"}""")]
    [InlineData("""[{"type":"model_access","upstream":"openai"},{"type":"model_access","upstream":"openai"}]""")]
    [InlineData("""[{"upstream":"openai"}]""")]
    [InlineData("""[{"type":"payment_initiation","upstream":"openai"}]""")]
    [InlineData("""[{"type":"model_access"}]""")]
    [InlineData("""[{"type":"model_access","upstream":"nobody"}]""")]
    [InlineData("""[{"type":"model_access","upstream":7}]""")]
    [InlineData("""[{"type":"model_access","upstream":"openai","actions":["read"]}]""")]
    [InlineData("""[{"type":"model_access","upstream":"openai","Models":["gpt-4o"]}]""")]
    [InlineData("""[{"type":"model_access","type":"model_access","upstream":"openai"}]""")]
    [InlineData("""[{"type":"model_access","upstream":"openai"}] // more""")]
    public async Task Refuses_what_is_no_detail_that_it_knows(string details) => await IsRefusedAsync(details);

    [Theory]
    [InlineData("locations", """["https://elsewhere.example/openai/v1"]""")]
    [InlineData("locations", "[]")]
    [InlineData("locations", "null")]
    [InlineData("models", "[]")]
    [InlineData("models", "null")]
    [InlineData("models", "\"gpt-4o\"")]
    [InlineData("models", "[7]")]
    [InlineData("models", """[""]""")]
    [InlineData("models", """["gpt-4o, o3"]""")]
    [InlineData("models", """["gpt\n4o"]""")]
    [InlineData("budget", "5")]
    [InlineData("budget", "{}")]
    [InlineData("budget", """{"amount":5,"currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"0","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"0.0000001","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"-5","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"+5","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"5,00","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"1e3","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"5\n","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"10000.000001","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"79228162514264337593543950336","currency":"USD","period":"month"}""")]
    [InlineData("budget", """{"amount":"5.00","currency":"EUR","period":"month"}""")]
    [InlineData("budget", """{"amount":"5.00","period":"month"}""")]
    [InlineData("budget", """{"amount":"5.00","currency":"USD","period":"year"}""")]
    [InlineData("budget", """{"amount":"5.00","currency":"USD"}""")]
    [InlineData("budget", """{"amount":"5.00","currency":"USD","period":"month","remaining":"5.00"}""")]
    [InlineData("rate", "60")]
    [InlineData("rate", "{}")]
    [InlineData("rate", """{"requests_per_minute":0}""")]
    [InlineData("rate", """{"requests_per_minute":1000001}""")]
    [InlineData("rate", """{"requests_per_minute":99999999999999999999}""")]
    [InlineData("rate", """{"requests_per_minute":1.5}""")]
    [InlineData("rate", """{"requests_per_minute":"60"}""")]
    [InlineData("rate", """{"requests_per_minute":60,"tokens_per_minute":1}""")]
    [InlineData("lifetime", "3599")]
    [InlineData("lifetime", "7776001")]
    [InlineData("lifetime", "-1")]
    [InlineData("lifetime", "\"3600\"")]
    [InlineData("lifetime", "3600.5")]
    public async Task Refuses_a_member_that_cannot_be_kept(string member, string value) =>
        await IsRefusedAsync($$"""[{"type":"model_access","upstream":"openai","{{member}}":{{value}}}]""");

    [Fact]
    public async Task Refuses_more_models_than_anybody_reads()
    {
        await IsRefusedAsync(Detail("models", JsonSerializer.Serialize(Enumerable.Range(0, 101).Select(i => $"m{i}"))));
        await IsRefusedAsync(Detail("models", JsonSerializer.Serialize(new[] { new string('m', 201) })));
    }

    [Fact]
    public void Refuses_what_is_longer_than_a_detail_can_be()
    {
        // No query holds as much; a pushed request does.
        var reader = Broker.Services.GetRequiredService<ModelAccessReader>();
        const string Detail = """[{"type":"model_access","upstream":"openai"}""";

        reader.Read(Detail + new string(' ', 32_000) + "]", ["openai:chat"]).Complaint.Should().BeNull();
        reader.Read(Detail + new string(' ', 33_000) + "]", ["openai:chat"]).Complaint.Should().Contain("longer");
    }

    [Fact]
    public async Task Refuses_a_detail_without_a_scope_of_its_upstream()
    {
        // The page would refuse the scopes by themselves; the detail is looked at first.
        await IsRefusedAsync("""[{"type":"model_access","upstream":"openai"}]""", "openid offline_access");
    }

    [Fact]
    public async Task Refuses_a_parameter_that_is_given_twice()
    {
        var person = await SomebodyAsync();
        const string Details = "&authorization_details=%5B%7B%22type%22%3A%22model_access%22%2C%22upstream%22%3A%22openai%22%7D%5D";

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(Scope) + Details + Details);

        ConsentPage.ParametersOf(response).Should().Contain("error", "invalid_authorization_details");
    }

    [Fact]
    public async Task Says_nothing_of_the_details_to_an_address_that_is_not_the_apps()
    {
        var person = await SomebodyAsync();

        using var response = await person.GetAsync(new OAuthApp(Broker).AuthorizeUrl(
            Scope, new() { ["authorization_details"] = "nonsense", ["redirect_uri"] = "https://evil.example/callback" }));

        (await ErrorPage.ReadAsync(response)).Should().Contain("redirect_uri");
    }

    [Theory]
    [InlineData("""[{"type":"model_access","upstream":"openai"}]""")]
    [InlineData("""[{"type":"model_access","upstream":"openai","models":["gpt-4o-mini","ft:gpt-4o:me::x/y"],"budget":{"amount":"0.000001","currency":"USD","period":"total"},"rate":{"requests_per_minute":1},"lifetime":3600}]""")]
    [InlineData("""[{"type":"model_access","upstream":"openai","budget":{"amount":"10000.000000","currency":"USD","period":"day"},"lifetime":7776000}]""")]
    public async Task Takes_what_is_in_bounds(string details)
    {
        var person = await SomebodyAsync();

        var page = await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl(Scope, new() { ["prompt"] = "consent", ["authorization_details"] = details }));

        page.Values("authorization_details").Should().Equal([details], "the answer is held against what was asked");
    }

    [Fact]
    public async Task Takes_the_address_of_the_upstream_as_its_location()
    {
        var person = await SomebodyAsync();

        await ConsentPage.OpenAsync(person, new OAuthApp(Broker).AuthorizeUrl(
            Scope, new() { ["prompt"] = "consent", ["authorization_details"] = Detail("locations", $"""["{Broker.Address}/openai/v1"]""") }));
    }

    [Theory]
    [InlineData("authorization_code")]
    [InlineData("refresh_token")]
    public async Task Refuses_details_in_a_token_request_and_uses_nothing_up(string grantType)
    {
        var person = await SomebodyAsync();
        var app = new OAuthApp(Broker);
        var code = await app.CodeAsync(person, Scope);
        var change = new Dictionary<string, string?> { ["authorization_details"] = """[{"type":"model_access","upstream":"openai"}]""" };
        var refreshToken = "";
        if (grantType == "refresh_token")
        {
            using var exchanged = await app.ExchangeAsync(code);
            refreshToken = (await OAuthApp.ReadAsync(exchanged)).RefreshToken;
        }

        using var refused = grantType == "refresh_token" ? await app.RefreshAsync(refreshToken, change) : await app.ExchangeAsync(code, change);
        using var accepted = grantType == "refresh_token" ? await app.RefreshAsync(refreshToken) : await app.ExchangeAsync(code);

        refused.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(refused)).Should().Be("invalid_authorization_details");
        accepted.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Is_announced()
    {
        using var http = Broker.NewClient();

        var metadata = await http.GetFromJsonAsync<JsonElement>("/.well-known/openid-configuration");

        metadata.GetProperty("authorization_details_types_supported").EnumerateArray().Select(t => t.GetString()).Should().Equal("model_access");
        metadata.GetProperty("introspection_endpoint").GetString().Should().Be(Broker.Address + "/connect/introspect");
    }

    private static string Detail(string member, string value) => $$"""[{"type":"model_access","upstream":"openai","{{member}}":{{value}}}]""";

    private async Task IsRefusedAsync(string details, string scope = Scope)
    {
        var person = await SomebodyAsync();
        var app = new OAuthApp(Broker);

        using var response = await person.GetAsync(app.AuthorizeUrl(scope, new() { ["authorization_details"] = details }));

        response.StatusCode.Should().Be(HttpStatusCode.Found, "the app must be told");
        response.Headers.Location!.GetLeftPart(UriPartial.Path).Should().Be(BrokerHost.RedirectUri);
        ConsentPage.ParametersOf(response).Should().Contain("error", "invalid_authorization_details").And.Contain("state", app.State)
            .And.ContainKey("iss").And.NotContainKey("code");
    }

    /// <summary>The tests of one class run one after another, and nothing here changes a person: one is enough.</summary>
    private async Task<Person> SomebodyAsync() => s_person ??= await Person.WithKeyAsync(Broker);
}
