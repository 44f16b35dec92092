using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Authorization.Exchange;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Credit;

/// <summary>An app learns who pays for its calls, and nothing of how much there is or with which key.</summary>
public sealed class Telling_which_purse_pays(PrivateBroker broker) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => broker.Host;

    [Theory]
    [InlineData(BrokerHost.AppId, "app_credit")]
    [InlineData(null, "operator_credit")]
    public async Task Says_with_whom_the_credit_is_in_three_places(string? sponsorId, string purse)
    {
        var sponsor = await Sponsored.ByAsync(Broker, sponsorId);
        using var guest = await sponsor.GuestAsync("4.32");

        var told = await EverywhereAsync(guest.Tokens);

        told.Select(detail => detail.GetProperty("purse").GetString()).Should().HaveCount(3).And.AllBe(purse);
        told.Should().AllSatisfy(detail =>
        {
            detail.EnumerateObject().Select(member => member.Name).Should().BeEquivalentTo("type", "locations", "upstream", "budget", "rate", "lifetime", "purse");
            detail.GetRawText().Should().NotContain("4.32").And.NotContain("4320000", "how much credit there is, is between the user and the sponsor");
            detail.GetRawText().Should().NotContain(sponsor.SponsorId.ToString()).And.NotContain(sponsor.Key[^4..]);
        });
    }

    [Fact]
    public async Task Follows_what_the_user_chooses()
    {
        var sponsor = await Sponsored.ByAsync(Broker);
        using var guest = await sponsor.GuestAsync("5.00");
        var own = (await guest.Person.PageAsync($"/apps/{guest.GrantId}")).QuerySelectorAll("input[name='Form.KeyId']").Select(i => i.GetAttribute("value")!).First(v => Guid.TryParse(v, out _));

        await ChooseAsync(guest.Person, guest.GrantId, own);
        using var refreshed = await new OAuthApp(Broker).RefreshAsync(guest.Tokens.RefreshToken);
        var onOwn = await EverywhereAsync(await OAuthApp.ReadAsync(refreshed));
        await ChooseAsync(guest.Person, guest.GrantId, sponsor.Choice);
        var onCredit = (await EverywhereAsync(guest.Tokens)).Skip(1);

        onOwn.Select(detail => detail.GetProperty("purse").GetString()).Should().AllBe("own_key");
        onCredit.Select(detail => detail.GetProperty("purse").GetString()).Should().AllBe("app_credit");
    }

    [Fact]
    public async Task Says_of_what_was_cut_from_a_grant_what_pays_for_that()
    {
        using var app = await DelegatingApp.ConnectAsync(Broker);
        var sponsor = await Sponsored.ByAsync(Broker, app.App.ClientId);
        var (_, grantId) = await Delegated.OfAsync(app);
        var before = await app.ChildAsync();

        await ChooseAsync(app.Person, grantId, sponsor.Choice);
        var after = await app.ChildAsync();

        PurseOf(before.Raw).Should().Be("own_key");
        PurseOf(after.Raw).Should().Be("app_credit");
        PurseOf(await GrantAsync(before.AccessToken)).Should().Be("app_credit", "it never has a purse of its own");
    }

    internal static async Task ChooseAsync(Person person, Guid grantId, string purse)
    {
        using var changed = await person.PostAsync($"/apps/{grantId}", new() { ["Form.KeyId"] = purse });
        changed.StatusCode.Should().Be(HttpStatusCode.SeeOther, await changed.Content.ReadAsStringAsync());
    }

    /// <summary>The one detail of the token response, of introspection and of the grant's own address.</summary>
    private async Task<JsonElement[]> EverywhereAsync(Tokens tokens)
    {
        using var introspected = await new OAuthApp(Broker).IntrospectAsync(tokens.AccessToken);
        var said = await introspected.Content.ReadFromJsonAsync<JsonElement>();
        return [DetailOf(tokens.Raw), DetailOf(said), DetailOf(await GrantAsync(tokens.AccessToken))];
    }

    private async Task<JsonElement> GrantAsync(string token)
    {
        using var http = Broker.NewClient();
        http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await http.GetFromJsonAsync<JsonElement>("/api/v1/grant");
    }

    private static JsonElement DetailOf(JsonElement answer) => answer.GetProperty("authorization_details").EnumerateArray().Should().ContainSingle().Which;

    private static string? PurseOf(JsonElement answer) => DetailOf(answer).GetProperty("purse").GetString();
}
