using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Consent;

/// <summary>What the person takes away is gone: from the token, and at the gateway.</summary>
public sealed class Narrowing_at_consent(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Takes_an_unticked_scope_from_the_token_and_from_the_gateway()
    {
        var (app, page) = await OpenAsync("openai:chat openai:models openai:embeddings offline_access");

        var tokens = await page.Untick("Form.Scopes", "openai:embeddings").ApproveAsync(app);

        tokens.Scope.Split(' ').Should().BeEquivalentTo("openai:chat", "openai:models", "offline_access");
        var api = new Api(Broker, tokens.AccessToken);
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        using var refused = await api.PostAsync("/embeddings", new { model = "text-embedding-3-small", input = "x" });
        refused.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await Api.ErrorAsync(refused)).Code.Should().Be("insufficient_scope");
    }

    [Fact]
    public async Task Takes_the_e_mail_address_from_the_id_token()
    {
        var (app, page) = await OpenAsync("openai:chat openid email profile");

        var tokens = await page.Untick("Form.Scopes", "email").ApproveAsync(app);

        tokens.Scope.Split(' ').Should().NotContain("email").And.Contain("profile");
        var claims = IdToken.ClaimsOf(tokens);
        claims.TryGetProperty("email", out _).Should().BeFalse();
        claims.TryGetProperty("email_verified", out _).Should().BeFalse();
    }

    [Fact]
    public async Task Allows_only_the_models_that_were_chosen()
    {
        var (app, page) = await OpenAsync();

        var tokens = await page.Set("Form.ModelChoice", "some").Set("Form.Models", "gpt-4o-mini").Set("Form.OtherModels", "gpt-4o").ApproveAsync(app);

        var api = new Api(Broker, tokens.AccessToken);
        (await api.ChatAsync(model: "gpt-4o-mini")).StatusCode.Should().Be(HttpStatusCode.OK);
        (await api.ChatAsync(model: "gpt-4o")).StatusCode.Should().Be(HttpStatusCode.OK);
        using var refused = await api.ChatAsync(model: "gpt-4.1");
        refused.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await Api.ErrorAsync(refused)).Code.Should().Be("model_not_allowed");
    }

    [Fact]
    public async Task Holds_the_app_to_the_budget()
    {
        var (app, page) = await OpenAsync();

        var tokens = await page.Set("Form.Budget", "0.01").ApproveAsync(app);

        var api = new Api(Broker, tokens.AccessToken);
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 200 && !statuses.Contains(HttpStatusCode.PaymentRequired); i++)
        {
            using var call = await api.PostAsync("/chat/completions", new { model = "gpt-4o", max_completion_tokens = 400, messages = new[] { new { role = "user", content = "[[events:300]]" } } });
            statuses.Add(call.StatusCode);
        }

        statuses[0].Should().Be(HttpStatusCode.OK, "there is a cent to spend");
        statuses[^1].Should().Be(HttpStatusCode.PaymentRequired, "a cent is soon spent");
    }

    [Fact]
    public async Task Offers_the_earlier_answer_again()
    {
        var (app, page) = await OpenAsync("openai:chat offline_access");
        await page.Set("Form.ModelChoice", "some").Set("Form.Models", "gpt-4o-mini").Set("Form.OtherModels", "o3").Set("Form.Budget", "7.50").ApproveAsync(app);

        var again = await ConsentPage.OpenAsync(_person!, app.AuthorizeUrl("openai:chat offline_access", new() { ["prompt"] = "consent" }));

        again.Values("Form.ModelChoice").Should().Equal("some");
        again.Values("Form.Models").Should().Equal("gpt-4o-mini");
        again.Values("Form.OtherModels").Should().Equal("o3");
        again.Values("Form.Budget").Should().Equal("7.5");
    }

    [Fact]
    public async Task Replaces_the_grant_and_leaves_one_row()
    {
        var (app, page) = await OpenAsync("openai:chat openai:models offline_access");
        var wide = await page.ApproveAsync(app);
        (await new Api(Broker, wide.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);

        var again = await ConsentPage.OpenAsync(_person!, app.AuthorizeUrl("openai:chat openai:models offline_access", new() { ["prompt"] = "consent" }));
        await again.Untick("Form.Scopes", "openai:chat").ApproveAsync(app);

        (await Api.ErrorAsync(await new Api(Broker, wide.AccessToken).ChatAsync())).Code.Should().Be("insufficient_scope", "a token cannot do what its grant no longer allows");
        (await _person!.PageAsync("/")).QuerySelectorAll("li[data-app='Test App']").Should().ContainSingle();
    }

    private Person? _person;

    private async Task<(OAuthApp App, ConsentPage Page)> OpenAsync(string scope = OAuthApp.DefaultScope)
    {
        _person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        return (app, await ConsentPage.OpenAsync(_person, app.AuthorizeUrl(scope)));
    }
}
