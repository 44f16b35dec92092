using System.Net;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Owned;

/// <summary>Checklist 35 for developers: another owner's app, one of the configuration, and one that is not, are all the same nothing.</summary>
[Trait("Checklist", "35")]
public sealed class Keeping_apps_apart(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Finds_nothing_by_another_owners_id()
    {
        using var ada = await Developer.SignedUpAsync(Broker);
        using var mallory = await Developer.SignedUpAsync(Broker);
        var app = await ada.NewAppAsync();
        var before = await StateAsync(app);

        foreach (var id in (string[])[app.ClientId, BrokerHost.AppId, "app_nothing", app.ClientId.ToUpperInvariant()])
        {
            foreach (var path in (string[])["", "/secret", "/delete", "/limits"])
            {
                using var page = await mallory.Person.GetAsync($"/developer/{id}{path}");
                page.StatusCode.Should().Be(HttpStatusCode.NotFound, $"{id}{path}");
            }

            foreach (var address in (string[])["?handler=Save", "?handler=Submit", "?handler=Logo", "?handler=RemoveLogo", "/secret", "/delete", "/limits"])
            {
                using var post = await mallory.Person.PostFromAsync("/developer", $"/developer/{id}{address}", new() { ["Form.Name"] = "Stolen", ["Form.Kind"] = "Server" });
                post.StatusCode.Should().Be(HttpStatusCode.NotFound, $"{id}{address}");
            }

            foreach (var (method, path) in new[]
            {
                (HttpMethod.Get, ""), (HttpMethod.Put, ""), (HttpMethod.Delete, ""), (HttpMethod.Post, "/secret"), (HttpMethod.Post, "/submit"),
            })
            {
                using var answer = await mallory.SendAsync(method, $"/apps/{id}{path}", method == HttpMethod.Put ? Developer.AppBody("Stolen") : null);
                answer.StatusCode.Should().Be(HttpStatusCode.NotFound, $"{method} {id}{path}");
                answer.Content.Headers.ContentType!.MediaType.Should().Be("application/problem+json");
            }
        }

        (await StateAsync(app)).Should().BeEquivalentTo(before);
        (await mallory.AskAsync(HttpMethod.Get, "/apps")).GetProperty("apps").GetArrayLength().Should().Be(0);
        (await mallory.Person.PageAsync("/developer")).Body!.TextContent.Should().Contain("No app yet");
    }

    [Fact]
    public async Task Revokes_no_token_and_reads_no_notice_of_another()
    {
        using var ada = await Developer.SignedUpAsync(Broker);
        using var mallory = await Developer.SignedUpAsync(Broker);
        var (token, notice) = await Broker.WithDatabaseAsync(async db =>
        {
            var notice = new TokenBroker.Notices.Notice { UserId = ada.UserId, Kind = "test", Text = "For ada alone.", At = new DateTime(2026, 11, 1, 0, 0, 0, DateTimeKind.Utc) };
            db.Notices.Add(notice);
            await db.SaveChangesAsync();
            return (await db.ApiTokens.Where(t => t.UserId == ada.UserId).Select(t => t.Id).SingleAsync(), notice.Id);
        });

        foreach (var (address, id) in new[] { ("/account/tokens?handler=Revoke", token), ("/notices?handler=Read", notice) })
        {
            foreach (var tried in new[] { id.ToString(), Guid.NewGuid().ToString(), "nonsense", "" })
            {
                using var response = await mallory.Person.PostFromAsync("/account", address, new() { ["id"] = tried });
                response.StatusCode.Should().Be(HttpStatusCode.NotFound, $"{address} with {tried}");
            }
        }

        (await mallory.Person.PageAsync("/notices")).Body!.TextContent.Should().NotContain("For ada alone.");
        (await ada.SendAsync(HttpMethod.Get, "/apps")).StatusCode.Should().Be(HttpStatusCode.OK);
        (await ada.Person.PageAsync("/notices")).QuerySelector("nav .count")!.TextContent.Should().StartWith("1");
    }

    private Task<object> StateAsync(OAuthApp app) => Broker.WithDatabaseAsync<object>(async db =>
        await db.Apps.AsNoTracking().Where(a => a.ClientId == app.ClientId)
            .Select(a => new { a.DisplayName, a.ClientSecret, a.ReviewStatus, a.ConcurrencyToken, a.OwnerId }).SingleAsync());
}
