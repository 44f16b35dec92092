using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Notices;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Notices;

/// <summary>Checklist 6: a reuse beyond the leeway ends the grant, tells the app's owner and the user, and is audited as what it was.</summary>
[Trait("Checklist", "6")]
public sealed class Telling_of_stolen_tokens : IAsyncLifetime
{
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private BrokerHost _broker = null!;

    public async ValueTask InitializeAsync() => _broker = await BrokerHost.StartAsync(clock: _clock);

    public ValueTask DisposeAsync() => _broker.DisposeAsync();

    [Fact]
    public async Task Tells_the_user_and_the_owner_of_a_reused_refresh_token_once()
    {
        using var developer = await Developer.SignedUpAsync(_broker);
        var app = await developer.NewAppAsync();
        using var person = await Person.WithKeyAsync(_broker);
        var tokens = await app.ConnectAsync(person, Developer.AppScope);
        using (await app.RefreshAsync(tokens.RefreshToken))
        {
        }

        _clock.Advance(TimeSpan.FromSeconds(11));
        for (var i = 0; i < 3; i++)
        {
            using var reuse = await app.RefreshAsync(tokens.RefreshToken);
            reuse.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        }

        var user = await person.PageAsync("/notices");
        user.QuerySelectorAll("main li").Should().ContainSingle().Which.TextContent
            .Should().Contain("My App's access was ended: one of its tokens was used twice, which means that somebody else had a copy.");
        user.QuerySelector("nav .count")!.TextContent.Should().StartWith("1");
        var owner = await developer.Person.PageAsync("/notices");
        owner.QuerySelectorAll("main li").Should().ContainSingle().Which.TextContent
            .Should().Contain("your app My App").And.Contain("Check how it stores refresh tokens").And.NotContain(person.Email);
        (await ReasonAsync(person)).Should().Be("refresh_token_reuse");
    }

    [Fact]
    public async Task Tells_a_replayed_code_from_a_reused_refresh_token()
    {
        using var person = await Person.WithKeyAsync(_broker);
        var app = new OAuthApp(_broker);
        var code = await app.CodeAsync(person);
        using (await app.ExchangeAsync(code))
        {
        }

        using (await app.ExchangeAsync(code))
        {
        }

        (await ReasonAsync(person)).Should().Be("code_replay");
        (await person.PageAsync("/notices")).QuerySelectorAll("main li").Should().ContainSingle("an app of the configuration has no owner to tell")
            .Which.TextContent.Should().Contain("Test App's access was ended");
    }

    [Fact]
    public async Task Tells_nobody_of_what_they_did_themselves()
    {
        using var person = await Person.WithKeyAsync(_broker);
        await new OAuthApp(_broker).ConnectAsync(person);
        await person.PressAsync("Test App", "Revoke");

        var page = await person.PageAsync("/notices");
        page.Body!.TextContent.Should().Contain("Nothing to tell");
        page.QuerySelector("nav .count").Should().BeNull();
    }

    [Fact]
    public async Task Is_read_one_by_one_or_all_at_once()
    {
        using var person = await Developer.SignedUpAsync(_broker);
        await PostAsync(person.UserId, 3);

        using (await person.Person.PostAsync("/notices", [], "li form"))
        {
        }

        (await person.Person.PageAsync("/notices")).QuerySelector("nav .count")!.TextContent.Should().StartWith("2");
        using (await person.Person.PostAsync("/notices", [], "form[action*='ReadAll']"))
        {
        }

        var page = await person.Person.PageAsync("/notices");
        page.QuerySelector("nav .count").Should().BeNull();
        page.QuerySelectorAll("main li").Should().HaveCount(3, "what is read stays");
    }

    [Fact]
    public async Task Keeps_the_latest_two_hundred()
    {
        using var person = await Developer.SignedUpAsync(_broker);
        await PostAsync(person.UserId, 205);

        var kept = await BoardAsync(board => board.ListAsync(person.UserId, CancellationToken.None));
        kept.Should().HaveCount(200);
        kept[0].Text.Should().Be("Notice 204");

        _clock.Advance(TimeSpan.FromDays(91));
        (await Eventually.IsAsync(
            () => BoardAsync(board => board.ListAsync(person.UserId, CancellationToken.None)), notices => notices.Count == 0)).Should().BeEmpty("they are pruned");
    }

    [Fact]
    public async Task Is_written_in_the_transaction_of_its_cause_or_not_at_all()
    {
        var post = () => BoardAsync(async board =>
        {
            await board.PostAsync(Guid.NewGuid(), "test", "text", CancellationToken.None);
            return 0;
        });

        await post.Should().ThrowAsync<InvalidOperationException>();
    }

    private async Task PostAsync(Guid userId, int count)
    {
        await using var scope = _broker.Services.CreateAsyncScope();
        var board = scope.ServiceProvider.GetRequiredService<NoticeBoard>();
        await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().InTransactionAsync(
            async () =>
            {
                for (var i = 0; i < count; i++)
                {
                    _clock.Advance(TimeSpan.FromMilliseconds(1));
                    await board.PostAsync(userId, "test", $"Notice {i}", CancellationToken.None);
                }
            },
            CancellationToken.None);
    }

    private async Task<T> BoardAsync<T>(Func<NoticeBoard, Task<T>> work)
    {
        await using var scope = _broker.Services.CreateAsyncScope();
        return await work(scope.ServiceProvider.GetRequiredService<NoticeBoard>());
    }

    private Task<string?> ReasonAsync(Person person) => _broker.WithDatabaseAsync(async db =>
    {
        var userId = await db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync();
        var detail = await db.AuditEvents.Where(e => e.UserId == userId && e.Action == "grant.ended").Select(e => e.Detail).SingleAsync();
        return JsonDocument.Parse(detail).RootElement.GetProperty("reason").GetString();
    });
}
