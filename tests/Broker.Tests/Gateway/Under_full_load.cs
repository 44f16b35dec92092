using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>
/// Two people, each with two apps, all at once: JSON and streams, answers that are kept and read again, lists. Each call
/// carries a canary of its person and app, and no canary turns up anywhere else.
/// </summary>
[Trait("Checklist", "17")]
public sealed class Under_full_load(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const int Rounds = 60;
    private const string Scope = OAuthApp.DefaultScope + " openai:vector_stores";

    [Fact]
    public async Task Nothing_of_one_person_or_app_reaches_another()
    {
        Party[] parties = [.. await PersonWithTwoAppsAsync("plum"), .. await PersonWithTwoAppsAsync("pear")];
        var kept = new ConcurrentDictionary<string, Party>();

        await Parallel.ForAsync(0, Rounds * parties.Length, new ParallelOptions { MaxDegreeOfParallelism = 48 }, async (i, stop) =>
        {
            var party = parties[i % parties.Length];
            var text = string.Create(CultureInfo.InvariantCulture, $"{party.Canary} round {i}");
            foreach (var answer in await AnswersAsync(party, text, kept, stop))
            {
                answer.Should().Contain(party.Canary);
                parties.Where(other => other != party).Should().OnlyContain(other => !answer.Contains(other.Canary, StringComparison.Ordinal));
            }
        });

        kept.Should().HaveCount(Rounds * parties.Length);
        foreach (var (id, owner) in kept.Where((_, n) => n % 20 == 0))
        {
            foreach (var party in parties)
            {
                using var read = await party.Api.GetAsync("/responses/" + id);
                read.StatusCode.Should().Be(party == owner ? HttpStatusCode.OK : HttpStatusCode.NotFound);
            }
        }

        foreach (var party in parties)
        {
            var sent = own.Host.Journal.Snapshot().Where(e => e.Text.Contains(party.Canary, StringComparison.Ordinal)).ToList();
            sent.Should().HaveCount(Rounds * 4).And.OnlyContain(e => e.Key == party.Key, "a call goes with the key that its person chose for its app");
        }
    }

    /// <summary>A chat, a stream, an answer that is kept and read again, a store that is made and listed.</summary>
    private static async Task<List<string>> AnswersAsync(Party party, string text, ConcurrentDictionary<string, Party> kept, CancellationToken stop)
    {
        using var chat = await party.Api.ChatAsync(text);
        using var stream = await party.Api.OpenStreamAsync(text, cancellationToken: stop);
        using var response = await party.Api.PostAsync("/responses", new { model = "gpt-4o-mini", input = text, store = true });
        var id = (await response.Content.ReadFromJsonAsync<JsonElement>(stop)).GetProperty("id").GetString()!;
        kept.TryAdd(id, party).Should().BeTrue();
        using var again = await party.Api.GetAsync("/responses/" + id);
        using var store = await party.Api.PostAsync("/vector_stores", new { name = text });
        using var list = await party.Api.GetAsync("/vector_stores?limit=100");
        HttpResponseMessage[] all = [chat, stream, response, again, store, list];
        all.Should().OnlyContain(answer => answer.StatusCode == HttpStatusCode.OK);
        return [.. await Task.WhenAll(all.Select(answer => answer.Content.ReadAsStringAsync(stop)))];
    }

    private async Task<Party[]> PersonWithTwoAppsAsync(string name)
    {
        var first = await Connected.AsAsync(own.Host, Scope, budget: "1000");
        var second = BrokerHost.NewKey();
        (await first.Person.AddKeyAsync(second)).Should().BeNull();
        var app = new OAuthApp(own.Host, BrokerHost.OtherAppId);
        var page = await first.Person.PageAsync(app.AuthorizeUrl(Scope));
        var choice = page.QuerySelectorAll("input[name='Form.KeyId']")
            .Single(input => input.ParentElement!.TextContent.Contains(second[^4..], StringComparison.Ordinal)).GetAttribute("value")!;
        var tokens = await app.ConnectAsync(first.Person, Scope, new() { ["Form.KeyId"] = choice, ["Form.Budget"] = "1000" });
        return [new($"canary-{name}-one", first.Key, first.Api), new($"canary-{name}-two", second, new Api(own.Host, tokens.AccessToken))];
    }

    private sealed record Party(string Canary, string Key, Api Api);
}
