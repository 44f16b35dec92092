using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

/// <summary>An edited form gets no more than the request asked for, and no grant at all where it makes no sense.</summary>
public sealed class Widening_at_consent(SharedBroker shared) : IDisposable
{
    private readonly OAuthApp _app = new(shared.Host);
    private Person _person = null!;

    private BrokerHost Broker => shared.Host;

    public void Dispose() => _person.Dispose();

    [Fact]
    public async Task Ignores_scopes_that_were_not_asked_for()
    {
        var page = await OpenAsync("openai:models");

        var tokens = await page.Add("Form.Scopes", "openai:chat").Add("Form.Scopes", "email").Add("Form.Scopes", "openai:organization").ApproveAsync(_app);

        tokens.Scope.Should().BeOneOf("", "openai:models");
        (await Api.ErrorAsync(await new Api(Broker, tokens.AccessToken).ChatAsync())).Code.Should().Be("insufficient_scope");
        var stored = await Broker.WithDatabaseAsync(db => db.Grants.AsNoTracking().Where(g => g.UserId == db.Users.Single(u => u.Email == _person.Email).Id).Select(g => g.Scopes).ToListAsync());
        stored.Should().Equal("[\"openai:models\"]");
    }

    [Fact]
    public async Task Refuses_only_scopes_that_were_not_asked_for()
    {
        var page = await OpenAsync("openai:models");

        using var answer = await page.Set("Form.Scopes", "openai:chat").AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.Scopes");
    }

    [Fact]
    public async Task Refuses_another_persons_key()
    {
        using var neighbour = await Person.WithKeyAsync(Broker);
        var theirs = await Broker.WithDatabaseAsync(db => db.UpstreamKeys.Where(k => k.UserId == db.Users.Single(u => u.Email == neighbour.Email).Id).Select(k => k.Id).SingleAsync());
        var page = await OpenAsync();

        using var answer = await page.Set("Form.KeyId", theirs.ToString()).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.KeyId");
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("00000000-0000-0000-0000-000000000000")]
    public async Task Refuses_a_key_that_is_not_there(string keyId)
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.KeyId", keyId).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.KeyId");
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0.00")]
    [InlineData("0.001")]
    [InlineData("-5")]
    [InlineData("10000.01")]
    [InlineData("79228162514264337593543950335")]
    [InlineData("99999999999999999999999999999999999999999")]
    [InlineData("1e9")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("5,00")]
    [InlineData("$5")]
    [InlineData("")]
    public async Task Refuses_a_budget_that_is_none(string budget)
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.Budget", budget).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.Budget");
    }

    [Theory]
    [InlineData("9999")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("2")]
    [InlineData("2147483648")]
    [InlineData("x")]
    [InlineData("")]
    public async Task Refuses_a_lifetime_that_is_not_offered(string days)
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.LifetimeDays", days).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.LifetimeDays");
    }

    [Theory]
    [InlineData("some", "")]
    [InlineData("all", "")]
    [InlineData("", "")]
    public async Task Refuses_a_choice_of_models_that_chooses_none(string choice, string others)
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.ModelChoice", choice).Set("Form.Models").Set("Form.OtherModels", others).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.ModelChoice");
    }

    [Fact]
    public async Task Refuses_too_many_models()
    {
        var page = await OpenAsync();

        using var answer = await page.Set("Form.ModelChoice", "some")
            .Set("Form.OtherModels", string.Join(',', Enumerable.Range(0, 101).Select(i => $"m{i}"))).AnswerAsync();

        await IsRefusedAsync(page, answer, "Form.OtherModels");
    }

    [Fact]
    public async Task Refuses_an_upstream_that_is_not_known()
    {
        var page = await OpenAsync();

        using var answer = await page.Set("scope", "nonsense:chat").AnswerAsync();

        answer.StatusCode.Should().NotBe(HttpStatusCode.SeeOther);
        await NothingIsGrantedAsync();
    }

    [Trait("Checklist", "10")]
    [Fact]
    public async Task Refuses_a_form_without_its_antiforgery_token()
    {
        var page = await OpenAsync();

        using var answer = await page.Set("__RequestVerificationToken").AnswerAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        answer.Headers.Location.Should().BeNull();
        await NothingIsGrantedAsync();
    }

    [Trait("Checklist", "10")]
    [Fact]
    public async Task Refuses_another_persons_antiforgery_token()
    {
        using var neighbour = await Person.WithKeyAsync(Broker);
        var theirs = await ConsentPage.OpenAsync(neighbour, _app.AuthorizeUrl());
        var page = await OpenAsync();

        using var answer = await page.Set("__RequestVerificationToken", theirs.Values("__RequestVerificationToken")[0]).AnswerAsync();

        answer.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        await NothingIsGrantedAsync();
    }

    [Fact]
    public async Task Refuses_an_answer_that_is_neither_yes_nor_no()
    {
        var page = await OpenAsync();

        using var answer = await page.AnswerAsync("perhaps");

        ConsentPage.ParametersOf(answer).Should().Contain("error", "access_denied");
        await NothingIsGrantedAsync();
    }

    private async Task<ConsentPage> OpenAsync(string scope = "openai:chat openai:models offline_access")
    {
        _person = await Person.WithKeyAsync(Broker);
        return await ConsentPage.OpenAsync(_person, _app.AuthorizeUrl(scope));
    }

    private async Task IsRefusedAsync(ConsentPage page, HttpResponseMessage answer, string field)
    {
        var again = await page.AgainAsync(answer);
        again.Complaint(field).Should().NotBeNullOrWhiteSpace("the form must say what is wrong");
        await NothingIsGrantedAsync();
    }

    private async Task NothingIsGrantedAsync()
    {
        var (grants, tokens) = await Broker.WithDatabaseAsync(async db =>
        {
            var user = await db.Users.SingleAsync(u => u.Email == _person.Email);
            return (await db.Grants.CountAsync(g => g.UserId == user.Id), await db.Tokens.CountAsync(t => t.Subject == user.Id.ToString()));
        });
        (grants, tokens).Should().Be((0, 0), "a form that is refused grants nothing");
    }
}
