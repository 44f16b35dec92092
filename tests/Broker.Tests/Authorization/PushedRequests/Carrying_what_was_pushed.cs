using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.PushedRequests;

/// <summary>Checklist 8: nothing that was pushed is lost on the way through consent, a key's binding least of all.</summary>
[Trait("Checklist", "8")]
public sealed class Carrying_what_was_pushed(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Keeps_the_key_that_the_app_proved_when_it_pushed()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = await new Prover(Broker).AppAsync();
        var page = await ConsentPage.OpenAsync(person, await person.TakeAsync(await app.PushedUrlAsync()));
        using var answer = await page.AnswerAsync();
        var code = ConsentPage.ParametersOf(answer)["code"];
        var thief = await new Prover(Broker).AppAsync();
        thief.Verifier = app.Verifier;

        using var stolen = await thief.ExchangeAsync(code);
        using var tokens = await app.ExchangeAsync(code);

        (await OAuthApp.ErrorAsync(stolen)).Should().Be("invalid_grant");
        (await OAuthApp.ReadAsync(tokens)).Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
    }

    [Fact]
    public async Task Puts_to_the_person_what_the_app_proposed()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker, BrokerHost.ParAppId);
        var own = await person.TakeAsync(await app.PushedUrlAsync(new()
        {
            ["authorization_details"] = """[{"type":"model_access","upstream":"openai","budget":{"amount":"2.50","currency":"USD","period":"day"}}]""",
        }));

        var tokens = await (await ConsentPage.OpenAsync(person, own)).ApproveAsync(app);

        tokens.Raw.GetProperty("authorization_details")[0].GetProperty("budget").GetProperty("amount").GetString().Should().Be("2.50");
    }

    [Fact]
    public async Task Takes_a_request_that_would_not_fit_into_an_address()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var nonce = new string('s', 20_000);
        var page = await ConsentPage.OpenAsync(person, await person.TakeAsync(await app.PushedUrlAsync(new() { ["nonce"] = nonce })));

        using var answer = await page.AnswerAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        ConsentPage.ParametersOf(answer).Should().ContainKey("code");
    }
}
