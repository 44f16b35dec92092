using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "17")]
public sealed class Keeping_users_apart(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    [Fact]
    public async Task Sends_each_call_with_the_key_of_its_own_user_at_full_load()
    {
        const int calls = 300;
        Connected[] users = [await Connected.AsAsync(own.Host, budget: "1000"), await Connected.AsAsync(own.Host, budget: "1000"), await Connected.AsAsync(own.Host, budget: "1000")];
        var answers = new ConcurrentBag<bool>();

        await Parallel.ForAsync(0, calls, new ParallelOptions { MaxDegreeOfParallelism = 24 }, async (i, stop) =>
        {
            var user = i % users.Length;
            var text = string.Create(CultureInfo.InvariantCulture, $"user {user} call {i}");
            using var response = i % 2 == 0 ? await users[user].Api.ChatAsync(text) : await users[user].Api.OpenStreamAsync(text, cancellationToken: stop);
            response.StatusCode.Should().Be(HttpStatusCode.OK);
            var answer = await response.Content.ReadAsStringAsync(stop);
            answers.Add(i % 2 == 0 ? answer.Contains(Reply.To(text), StringComparison.Ordinal) : answer.EndsWith("data: [DONE]\n\n", StringComparison.Ordinal));
        });

        answers.Should().HaveCount(calls).And.OnlyContain(isRight => isRight);
        for (var user = 0; user < users.Length; user++)
        {
            users[user].Received.Should().HaveCount(calls / users.Length);
            users[user].Received.Should().OnlyContain(e => e.Text.Contains($"user {user} call", StringComparison.Ordinal));
        }

        Array.ForEach(users, user => user.Dispose());
    }

    [Fact]
    public async Task Sends_each_grant_of_one_user_with_the_key_that_was_chosen_for_it()
    {
        using var connected = await Connected.AsAsync(own.Host);
        var second = BrokerHost.NewKey();
        (await connected.Person.AddKeyAsync(second)).Should().BeNull();
        var page = await connected.Person.PageAsync(new OAuthApp(own.Host, BrokerHost.OtherAppId).AuthorizeUrl());
        var choice = page.QuerySelectorAll("input[name='Form.KeyId']")
            .Single(input => input.ParentElement!.TextContent.Contains(second[^4..], StringComparison.Ordinal)).GetAttribute("value")!;
        var tokens = await new OAuthApp(own.Host, BrokerHost.OtherAppId).ConnectAsync(connected.Person, answer: new() { ["Form.KeyId"] = choice });

        using var one = await connected.Api.ChatAsync("of the first app");
        using var other = await new Api(own.Host, tokens.AccessToken).ChatAsync("of the second app");

        connected.Received.Should().ContainSingle(e => e.Text.Contains("of the first app", StringComparison.Ordinal));
        own.Host.Journal.Snapshot().Where(e => e.Key == second && e.Path != "/v1/models").Should().ContainSingle(e => e.Text.Contains("of the second app", StringComparison.Ordinal));
    }
}
