using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed class Listing_objects(Neighbours neighbours) : IClassFixture<Neighbours>
{
    public static TheoryData<string> Lists => [.. Neighbours.Operations.Where(operation => operation.Lists.Length > 0).Select(operation => operation.Name)];

    [Theory]
    [MemberData(nameof(Lists))]
    public async Task Shows_an_app_its_own_alone(string name)
    {
        var operation = Neighbours.Operations.Single(one => one.Name == name);
        var id = await neighbours.OwnedAsync(operation.Lists);

        (await IdsAsync(neighbours.Owner.Api, operation.Path)).Should().Contain(id);
        (await IdsAsync(neighbours.OtherApp, operation.Path)).Should().NotContain(id);
        (await IdsAsync(neighbours.OtherUser, operation.Path)).Should().NotContain(id);
    }

    [Fact]
    public async Task Goes_on_until_a_page_is_full_and_tells_the_truth_of_what_follows()
    {
        Api[] crowd = [neighbours.Owner.Api, neighbours.OtherApp, neighbours.OtherUser, neighbours.OtherUser];
        var mine = new List<string>();
        for (var i = 0; i < 20; i++)
        {
            var id = await neighbours.MakeAsync(crowd[i % crowd.Length], "conversation", neighbours.OwnedAsync);
            id = await neighbours.MakeAsync(crowd[i % crowd.Length], "vector_store", neighbours.OwnedAsync);
            if (i % crowd.Length == 0)
            {
                mine.Insert(0, id);
            }
        }

        var seen = new List<string>();
        var query = "/vector_stores?limit=2";
        for (var more = true; more;)
        {
            using var response = await neighbours.Owner.Api.GetAsync(query);
            var page = await response.Content.ReadFromJsonAsync<JsonElement>();
            var ids = page.GetProperty("data").EnumerateArray().Select(item => item.GetProperty("id").GetString()!).ToList();
            ids.Should().HaveCountLessThanOrEqualTo(2);
            page.GetProperty("first_id").GetString().Should().Be(ids.FirstOrDefault());
            page.GetProperty("last_id").GetString().Should().Be(ids.LastOrDefault());
            more = page.GetProperty("has_more").GetBoolean();
            ids.Count.Should().Be(more ? 2 : ids.Count, "a page that is not the last is full");
            seen.AddRange(ids);
            query = "/vector_stores?limit=2&after=" + ids.LastOrDefault();
        }

        seen.Should().StartWith(mine).And.OnlyHaveUniqueItems();
    }

    [Fact]
    public async Task Takes_no_cursor_of_another()
    {
        var id = await neighbours.OwnedAsync("file");
        var before = neighbours.Host.Journal.Arrived;

        using var response = await neighbours.OtherApp.GetAsync("/files?after=" + id);

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        neighbours.Host.Journal.Arrived.Should().Be(before);
    }

    private static async Task<List<string>> IdsAsync(Api api, string path)
    {
        using var response = await api.GetAsync(path);
        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        return [.. (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("data").EnumerateArray().Select(item => item.GetProperty("id").GetString()!)];
    }
}
