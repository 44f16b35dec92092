using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

/// <summary>Law 7, over every operation of the catalogue that names an object in its path.</summary>
public sealed class Keeping_apps_apart(Neighbours neighbours) : IClassFixture<Neighbours>
{
    public static TheoryData<string> OnObjects =>
        [.. Neighbours.Operations.Where(operation => operation.Denied.Length == 0 && operation.Path.Contains('{', StringComparison.Ordinal) && !operation.Path.Contains("{model}", StringComparison.Ordinal)).Select(operation => operation.Name)];

    [Theory]
    [MemberData(nameof(OnObjects))]
    public async Task Sends_nothing_for_another_app_or_another_user(string name)
    {
        var operation = Neighbours.Operations.Single(one => one.Name == name);
        foreach (var stranger in new[] { neighbours.OtherApp, neighbours.OtherUser })
        {
            var (method, path, body) = await neighbours.RequestAsync(operation);
            var before = neighbours.Host.Journal.Arrived;

            using var response = await stranger.SendAsync(method, path, body);

            response.StatusCode.Should().Be(HttpStatusCode.NotFound, await response.Content.ReadAsStringAsync());
            var (code, error) = await Api.ErrorAsync(response);
            code.Should().Be("not_found");
            error.GetProperty("type").GetString().Should().Be("invalid_request_error");
            neighbours.Host.Journal.Arrived.Should().Be(before);
        }
    }

    [Theory]
    [MemberData(nameof(OnObjects))]
    public async Task Sends_on_what_the_app_that_made_it_asks(string name)
    {
        var operation = Neighbours.Operations.Single(one => one.Name == name);
        if (operation.Method == "DELETE")
        {
            // What the other tests ask for must stay.
            return;
        }

        var (method, path, body) = await neighbours.RequestAsync(operation);
        var before = neighbours.Host.Journal.Arrived;

        using var response = await neighbours.Owner.Api.SendAsync(method, path, body);

        neighbours.Host.Journal.Arrived.Should().Be(before + 1, await response.Content.ReadAsStringAsync());
        neighbours.Host.Journal.Snapshot()[^1].Target.Should().Be("/v1" + path);
    }

    [Fact]
    public async Task Answers_for_what_exists_as_for_what_does_not()
    {
        var id = await neighbours.OwnedAsync("file");
        var invented = id[..^1] + (id[^1] == 'a' ? 'b' : 'a');

        using var exists = await neighbours.OtherUser.GetAsync("/files/" + id);
        using var doesNot = await neighbours.OtherUser.GetAsync("/files/" + invented);

        doesNot.StatusCode.Should().Be(exists.StatusCode);
        Told(await doesNot.Content.ReadAsStringAsync()).Should().Be(Told(await exists.Content.ReadAsStringAsync()).Replace(id, invented, StringComparison.Ordinal));

        static string Told(string body) => body[..body.IndexOf("request_id", StringComparison.Ordinal)];
    }

    [Fact]
    public async Task Looks_at_each_object_that_a_path_names()
    {
        var run = await neighbours.OwnedAsync("eval_run");
        var own = await neighbours.MakeAsync(neighbours.OtherApp, "eval", neighbours.OwnedAsync);
        var before = neighbours.Host.Journal.Arrived;

        using var response = await neighbours.OtherApp.GetAsync($"/evals/{own}/runs/{run}");

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        neighbours.Host.Journal.Arrived.Should().Be(before);
    }

    [Fact]
    public async Task Takes_no_object_of_one_kind_for_another()
    {
        var file = await neighbours.OwnedAsync("file");

        using var response = await neighbours.Owner.Api.GetAsync("/assistants/" + file);

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }

    [Theory]
    [InlineData("file", "/files/")]
    [InlineData("vector_store", "/vector_stores/")]
    [InlineData("response", "/responses/")]
    [InlineData("conversation", "/conversations/")]
    [InlineData("thread", "/threads/")]
    public async Task Forgets_what_was_deleted(string kind, string path)
    {
        var id = await neighbours.MakeAsync(neighbours.Owner.Api, kind, neighbours.OwnedAsync);
        using (var deleted = await neighbours.Owner.Api.SendAsync(HttpMethod.Delete, path + id))
        {
            deleted.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var left = await neighbours.Host.WithDatabaseAsync(db => Task.FromResult(db.UpstreamObjects.Count(o => o.ObjectId == id)));
        left.Should().Be(0);
        using var response = await neighbours.Owner.Api.GetAsync(path + id);
        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
    }
}
