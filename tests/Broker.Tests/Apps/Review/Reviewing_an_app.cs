using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Apps;
using TokenBroker.Tests.Accounts;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Apps.Review;

public sealed class Reviewing_an_app(SharedBroker shared)
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Goes_from_the_developers_page_to_the_reviewers_and_back()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync(Developer.AppBody("Digest & Co"));
        using (var submit = await developer.Person.PostAsync($"/developer/{app.ClientId}", new() { ["Note"] = "Writes a digest." }, "form[action*='handler=Submit']"))
        {
            submit.StatusCode.Should().Be(HttpStatusCode.SeeOther);
        }

        var queue = await reviewer.Person.PageAsync("/operator/reviews");
        var row = queue.QuerySelectorAll("a.row-title").Single(a => a.TextContent == "Digest & Co" && a.Closest("li")!.TextContent.Contains(developer.Person.Email, StringComparison.Ordinal));
        var page = await reviewer.Person.PageAsync(row.GetAttribute("href")!);
        page.Body!.TextContent.Should().Contain("Writes a digest.").And.Contain(developer.Person.Email).And.Contain(BrokerHost.RedirectUri)
            .And.Contain("Send conversations to chat models").And.Contain("0 of 10 testers");
        using (var back = await reviewer.Person.SubmitAsync(page, "", new() { ["note"] = "Which digest?" }, "form[action*='decide']:has(#Note)"))
        {
            back.StatusCode.Should().Be(HttpStatusCode.SeeOther);
            (await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}")).GetProperty("review").GetProperty("status").GetString()
                .Should().Be("submitted", "a form without a decision decides nothing");
        }

        await DecideAsync("Reject", "Which digest?");
        (await developer.Person.PageAsync($"/developer/{app.ClientId}")).Body!.TextContent.Should().Contain("Sent back: Which digest?");
        (await developer.Person.PageAsync("/notices")).Body!.TextContent.Should().Contain("Digest & Co was reviewed and sent back to you: “Which digest?”");

        await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit", new { note = "The weekly one." });
        page = await reviewer.Person.PageAsync(row.GetAttribute("href")!);
        await DecideAsync("Approve", "");
        (await developer.Person.PageAsync($"/developer/{app.ClientId}")).Body!.TextContent.Should().Contain("Anybody can use it.");
        (await developer.Person.AuditAsync()).Where(a => a.StartsWith("app.", StringComparison.Ordinal))
            .Should().Equal("app.registered", "app.submitted", "app.rejected", "app.submitted", "app.approved");

        async Task DecideAsync(string handler, string note)
        {
            var form = page.QuerySelector("form[action*='decide']")!;
            using var decided = await reviewer.Person.PostFromAsync(row.GetAttribute("href")!, $"{form.GetAttribute("action")}?handler={handler}", new()
            {
                ["note"] = note,
                ["version"] = page.QuerySelector("input[name='version']")!.GetAttribute("value")!,
            });
            decided.StatusCode.Should().Be(HttpStatusCode.SeeOther);
            decided.Headers.Location!.OriginalString.Should().EndWith(row.GetAttribute("href")!);
        }
    }

    [Fact]
    public async Task Decides_on_the_very_version_that_was_looked_at()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        var seen = (await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit")).GetProperty("version").GetString();
        await developer.AskAsync(HttpMethod.Put, $"/apps/{app.ClientId}", Developer.AppBody("OpenAI Official"));
        await ApproveAsync();
        await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit");
        await ApproveAsync();
        (await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}")).GetProperty("review").GetProperty("status").GetString().Should().Be("submitted");

        async Task ApproveAsync()
        {
            using var approve = await reviewer.SendAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/approve", new { version = seen });
            approve.StatusCode.Should().Be(HttpStatusCode.Conflict);
        }
    }

    public static TheoryData<string, bool> Changes => new()
    {
        { """{"name":"Another name"}""", true },
        { """{"redirect_uris":["https://elsewhere.example/callback"]}""", true },
        { """{"redirect_uris":["https://app.example/callback","https://elsewhere.example/callback"]}""", true },
        { """{"scopes":["openai:chat","openai:models","openai:images","offline_access"]}""", true },
        { """{"scopes":["openai:chat","openai:models"]}""", true },
        { """{"homepage_url":"https://elsewhere.example"}""", true },
        { """{"redirect_uris":["https://app.example/another/path"]}""", false },
        { """{"optional_scopes":[]}""", false },
        { """{"dpop_bound_access_tokens":true,"require_pushed_authorization_requests":true}""", false },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Ends_with_a_change_of_what_was_reviewed(string change, bool ends)
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        await developer.ApprovedByAsync(reviewer, app);
        var body = Developer.AppBody();
        foreach (var member in JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(change)!)
        {
            body[member.Key] = member.Value;
        }

        var after = await developer.AskAsync(HttpMethod.Put, $"/apps/{app.ClientId}", body);

        after.GetProperty("review").GetProperty("status").GetString().Should().Be(ends ? "unreviewed" : "approved");
        var audit = await developer.Person.AuditAsync();
        (audit.Contains("app.review_reset")).Should().Be(ends);
        if (ends)
        {
            (await developer.Person.PageAsync("/notices")).Body!.TextContent.Should().Contain("is not reviewed any more");
            var listed = (await reviewer.AskAsync(HttpMethod.Get, "/reviews?status=unreviewed")).GetProperty("apps").EnumerateArray()
                .Single(a => a.GetProperty("client_id").GetString() == app.ClientId);
            listed.GetProperty("changes_since_approval").GetArrayLength().Should().BePositive();
            listed.GetProperty("owner").GetString().Should().Be(developer.Person.Email);
        }
    }

    [Fact]
    public async Task Ends_by_an_operator_who_says_why()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        await developer.ApprovedByAsync(reviewer, app);

        using (var silent = await reviewer.SendAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/withdraw", new { }))
        {
            silent.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        }

        var after = await reviewer.AskAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/withdraw", new { note = "It sells what it reads." });

        after.GetProperty("review").GetProperty("status").GetString().Should().Be("unreviewed");
        (await developer.Person.PageAsync("/notices")).Body!.TextContent.Should().Contain("It sells what it reads.");
        (await developer.Person.AuditAsync()).Should().EndWith("app.review_withdrawn");
        using var twice = await reviewer.SendAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/withdraw", new { note = "Again." });
        twice.StatusCode.Should().Be(HttpStatusCode.Conflict);
    }

    [Fact]
    public async Task Of_an_own_app_is_recorded_as_that()
    {
        using var both = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await both.NewAppAsync();

        await both.ApprovedByAsync(both, app);

        var detail = await Broker.WithDatabaseAsync(db => db.AuditEvents.Where(e => e.UserId == both.UserId && e.Action == "app.approved").Select(e => e.Detail).SingleAsync());
        JsonDocument.Parse(detail).RootElement.GetProperty("by_owner").GetBoolean().Should().BeTrue();
    }

    [Fact]
    public async Task Of_an_app_without_an_owner_needs_no_submission()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        var version = await Broker.WithDatabaseAsync(async db =>
        {
            var row = await db.Apps.SingleAsync(a => a.ClientId == app.ClientId);
            (row.OwnerId, row.Source) = (null, AppSource.DynamicRegistration);
            await db.SaveChangesAsync();
            return row.ConcurrencyToken;
        });

        var after = await reviewer.AskAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/approve", new { version });

        after.GetProperty("review").GetProperty("status").GetString().Should().Be("approved");
    }

    [Fact]
    public async Task Is_not_there_for_who_is_no_operator()
    {
        using var developer = await Developer.SignedUpAsync(Broker);
        using var reviewer = await Developer.SignedUpAsync(Broker, isOperator: true);
        var app = await developer.NewAppAsync();
        var version = (await developer.AskAsync(HttpMethod.Post, $"/apps/{app.ClientId}/submit")).GetProperty("version").GetString();
        var appId = await Broker.WithDatabaseAsync(db => db.Apps.Where(a => a.ClientId == app.ClientId).Select(a => a.Id).SingleAsync());

        foreach (var path in (string[])["/operator/reviews", $"/operator/reviews/{appId}", $"/operator/reviews/{appId}/decide"])
        {
            (await developer.Person.GetAsync(path)).StatusCode.Should().Be(HttpStatusCode.NotFound, path);
        }

        foreach (var step in (string[])["Approve", "Reject", "Withdraw"])
        {
            using var page = await developer.Person.PostFromAsync("/developer", $"/operator/reviews/{appId}/decide?handler={step}", new() { ["note"] = "x", ["version"] = version! });
            page.StatusCode.Should().Be(HttpStatusCode.NotFound);
            using var api = await developer.SendAsync(HttpMethod.Post, $"/reviews/{app.ClientId}/{step.ToLowerInvariant()}", new { note = "x", version });
            api.StatusCode.Should().Be(HttpStatusCode.NotFound);
        }

        using (var list = await developer.SendAsync(HttpMethod.Get, "/reviews"))
        {
            list.StatusCode.Should().Be(HttpStatusCode.NotFound);
        }

        // An operator's cookie beside somebody's token must not lend it its power.
        using var mixed = new HttpRequestMessage(HttpMethod.Get, "/api/v1/reviews");
        mixed.Headers.Authorization = new("Bearer", developer.Token);
        (await reviewer.Person.SendAsync(mixed)).StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await developer.AskAsync(HttpMethod.Get, $"/apps/{app.ClientId}")).GetProperty("review").GetProperty("status").GetString().Should().Be("submitted");
    }

    [Fact]
    public async Task Follows_the_flag_without_a_new_sign_in()
    {
        using var person = await Developer.SignedUpAsync(Broker);
        (await person.Person.GetAsync("/operator/reviews")).StatusCode.Should().Be(HttpStatusCode.NotFound);

        await SetAsync(true);
        (await person.Person.PageAsync("/operator/reviews")).QuerySelector("nav a[href='/operator/reviews']").Should().NotBeNull();
        (await person.SendAsync(HttpMethod.Get, "/reviews")).StatusCode.Should().Be(HttpStatusCode.OK);
        await SetAsync(false);
        (await person.Person.GetAsync("/operator/reviews")).StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await person.SendAsync(HttpMethod.Get, "/reviews")).StatusCode.Should().Be(HttpStatusCode.NotFound);

        Task<int> SetAsync(bool isOperator) => Broker.WithDatabaseAsync(db =>
            db.Users.Where(u => u.Id == person.UserId).ExecuteUpdateAsync(set => set.SetProperty(u => u.IsOperator, isOperator)));
    }
}
