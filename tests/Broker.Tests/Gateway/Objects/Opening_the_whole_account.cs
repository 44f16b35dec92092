using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed class Opening_the_whole_account(Neighbours neighbours) : IClassFixture<Neighbours>
{
    [Fact]
    public async Task Reaches_what_was_made_without_the_broker()
    {
        var id = await MadeDirectlyAsync();
        var wide = await neighbours.WideAsync();

        using (var narrow = await neighbours.Owner.Api.GetAsync("/vector_stores/" + id))
        {
            narrow.StatusCode.Should().Be(HttpStatusCode.NotFound);
        }

        using var response = await wide.GetAsync("/vector_stores/" + id);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await (await wide.GetAsync("/vector_stores?limit=100")).Content.ReadAsStringAsync()).Should().Contain(id);
        (await (await neighbours.Owner.Api.GetAsync("/vector_stores?limit=100")).Content.ReadAsStringAsync()).Should().NotContain(id);
    }

    [Fact]
    public async Task Reaches_what_other_apps_of_the_same_user_made()
    {
        var id = await neighbours.MakeAsync(neighbours.OtherApp, "vector_store", neighbours.OwnedAsync);

        using var response = await (await neighbours.WideAsync()).GetAsync("/vector_stores/" + id);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Never_reaches_what_is_recorded_for_another_user()
    {
        var id = await neighbours.MakeAsync(neighbours.OtherUser, "vector_store", neighbours.OwnedAsync);
        var wide = await neighbours.WideAsync();

        using var response = await wide.GetAsync("/vector_stores/" + id);

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await (await wide.GetAsync("/vector_stores?limit=100")).Content.ReadAsStringAsync()).Should().NotContain(id);
    }

    [Fact]
    public async Task Warns_at_consent()
    {
        var page = await neighbours.Owner.Person.PageAsync(new OAuthApp(neighbours.Host, BrokerHost.PublicAppId).AuthorizeUrl("openai:files openai:account offline_access"));

        page.Body!.TextContent.Should().Contain("Careful: the app can reach everything on your provider account, also what other apps made");
    }

    private async Task<string> MadeDirectlyAsync()
    {
        using var client = neighbours.Host.NewClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, neighbours.Host.SandboxAddress + "/v1/vector_stores") { Content = Neighbours.Json("{}") };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", neighbours.Owner.Key);
        using var response = await client.SendAsync(request);
        return (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("id").GetString()!;
    }
}
