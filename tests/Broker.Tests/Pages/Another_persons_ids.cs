using System.Net;
using AngleSharp.Html.Dom;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Pages;

/// <summary>Every handler that takes an id, given the id of somebody else's row, one that is nobody's, or no id at all.</summary>
public sealed class Another_persons_ids(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Are_not_found_and_nothing_changes()
    {
        using var ada = await Person.WithKeyAsync(Broker);
        var api = new Api(Broker, (await new OAuthApp(Broker).ConnectAsync(ada)).AccessToken);
        using var elsewhere = await ada.InAnotherBrowserAsync();
        using var mallory = await Person.WithKeyAsync(Broker);
        var grant = await IdAsync(ada, "/", "form[action*='handler=Revoke'] input[name='id']");
        var key = await IdAsync(ada, "/keys", "form[action*='handler=Delete'] input[name='id']");
        var session = await IdAsync(ada, "/account", "form[action*='handler=End'] input[name='Id']");
        var before = await AuditCountAsync();

        foreach (var (address, id) in new[]
        {
            ("/?handler=Revoke", grant), ("/?handler=Pause", grant), ("/keys?handler=Delete", key), ("/account/sessions?handler=End", session),
        })
        {
            foreach (var tried in new[] { id, Guid.NewGuid().ToString(), Guid.Empty.ToString(), "nonsense", "" })
            {
                using var response = await mallory.PostFromAsync("/account", address, new() { ["id"] = tried, ["pause"] = "true" });
                response.StatusCode.Should().Be(HttpStatusCode.NotFound, $"{address} with {tried}");
            }
        }

        (await AuditCountAsync()).Should().Be(before, "nothing was decided about ada");
        (await elsewhere.IsSignedInAsync()).Should().BeTrue();
        using var call = await api.ChatAsync();
        call.StatusCode.Should().Be(HttpStatusCode.OK, "the grant and its key are as they were");

        Task<int> AuditCountAsync() => Broker.WithDatabaseAsync(async db =>
        {
            var ids = new[] { $"grant:{grant}", $"key:{key}", $"session:{session}" };
            return await db.AuditEvents.CountAsync(e => ids.Contains(e.Target));
        });
    }

    private static async Task<string> IdAsync(Person person, string page, string selector) =>
        ((IHtmlInputElement)(await person.PageAsync(page)).QuerySelector(selector)!).Value;
}
