using System.Net;
using TokenBroker.Tests.Authorization.Consent;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Grants;

public sealed class Deleting_a_key(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Stops_every_app_that_used_it_and_leaves_their_grants()
    {
        var key = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(Broker, key);
        var app = new OAuthApp(Broker);
        var api = new Api(Broker, (await app.ConnectAsync(person)).AccessToken);
        (await api.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        using var open = await api.OpenStreamAsync("[[events:5000]] [[delay:20]]");
        var calls = Broker.Journal.Snapshot().Count(e => e.Key == key);

        using var deleted = await person.PostAsync("/keys", [], "form[action*='handler=Delete']");

        deleted.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        using var refused = await api.ChatAsync();
        refused.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await Api.ErrorAsync(refused)).Code.Should().Be("upstream_key_rejected");
        var readToEnd = () => open.Content.ReadAsStringAsync(new CancellationTokenSource(TimeSpan.FromSeconds(30)).Token);
        (await readToEnd.Should().ThrowAsync<Exception>()).Which.Should().NotBeAssignableTo<OperationCanceledException>();
        Broker.Journal.Snapshot().Count(e => e.Key == key).Should().Be(calls, "nothing is sent with a key that is gone");
        (await person.PageAsync("/")).QuerySelector("li[data-app='Test App']").Should().NotBeNull();
    }

    [Fact]
    public async Task Lets_the_user_give_the_app_another_one()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = new OAuthApp(Broker);
        var old = new Api(Broker, (await app.ConnectAsync(person)).AccessToken);
        using var deleted = await person.PostAsync("/keys", [], "form[action*='handler=Delete']");
        var fresh = BrokerHost.NewKey();

        var page = await ConsentPage.OpenAsync(person, app.AuthorizeUrl());
        var tokens = await page.Set("Form.KeyId", "new").Set("Form.NewKey", fresh).ApproveAsync(app);

        (await new Api(Broker, tokens.AccessToken).ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK);
        (await old.ChatAsync()).StatusCode.Should().Be(HttpStatusCode.OK, "it is the same grant, and it has a key again");
        Broker.Journal.Snapshot().Should().Contain(e => e.Key == fresh && e.Path == "/v1/chat/completions");
    }

    [Fact]
    public async Task Is_for_its_owner_alone()
    {
        using var person = await Person.WithKeyAsync(Broker);
        using var stranger = await Person.WithKeyAsync(Broker);
        var id = (await person.PageAsync("/keys")).QuerySelector("form[action*='handler=Delete'] input[name=id]")!.GetAttribute("value")!;

        using var response = await stranger.PostAsync("/keys", new() { ["id"] = id }, "form[action*='handler=Delete']");

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await person.PageAsync("/keys")).QuerySelector("form[action*='handler=Delete']").Should().NotBeNull();
    }
}
