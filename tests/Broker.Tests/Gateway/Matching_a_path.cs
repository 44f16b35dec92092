using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "18")]
public sealed class Matching_a_path(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""";

    [Theory]
    [InlineData("/openai/v1/chat/completions/")]
    [InlineData("/openai/v1/chat/completions?stream=true")]
    [InlineData("/openai/v1/chat/completions?")]
    [InlineData("/openai/v1/chat/completions;v=1")]
    [InlineData("/openai/v1/chat/completions#fragment")]
    [InlineData("/openai/v1//chat/completions")]
    [InlineData("/openai/v1/chat//completions")]
    [InlineData("//openai/v1/chat/completions")]
    [InlineData("/openai//v1/chat/completions")]
    [InlineData("/openai/v1/./chat/completions")]
    [InlineData("/openai/v1/files/../chat/completions")]
    [InlineData("/openai/v1/../v1/chat/completions")]
    [InlineData("/x/../openai/v1/chat/completions")]
    [InlineData("/openai/v1/chat/completions/..")]
    [InlineData("/openai/v1/chat/completions/../../organization/users")]
    [InlineData("/openai/v1/%2e%2e/chat/completions")]
    [InlineData("/openai/v1/%2e/chat/completions")]
    [InlineData("/openai/v1/chat%2fcompletions")]
    [InlineData("/openai/v1/chat%2Fcompletions")]
    [InlineData("/openai/v1/chat%5ccompletions")]
    [InlineData("/openai/v1/chat\\completions")]
    [InlineData("/openai/v1/chat/completions%00")]
    [InlineData("/openai/v1/chat/completions%00/files")]
    [InlineData("/openai/v1/chat/completions%20")]
    [InlineData("/openai/v1/chat/completions%0d%0aX-Injected:1")]
    [InlineData("/openai/v1/chat/completion%73")]
    [InlineData("/openai/v1/chat/completion%2573")]
    [InlineData("/openai/v1/%252e%252e/organization/users")]
    [InlineData("/openai/v1/chat/completions%c0%af")]
    [InlineData("/OpenAI/v1/chat/completions")]
    [InlineData("/openai/V1/chat/completions")]
    [InlineData("/openai/v1/Chat/Completions")]
    [InlineData("/%6fpenai/v1/chat/completions")]
    [InlineData("/openai/v2/chat/completions")]
    [InlineData("/openai/chat/completions")]
    [InlineData("/openai/v1")]
    [InlineData("/openai/v1/")]
    [InlineData("/openai")]
    [InlineData("/openai/v1/chat/completions\u00e4")]
    public async Task Sends_nothing_unless_it_is_the_listed_one_byte_for_byte(string target) => await NothingArrivesAsync("POST", target, Chat);

    [Theory]
    [InlineData("/openai/v1/models/..")]
    [InlineData("/openai/v1/models/.")]
    [InlineData("/openai/v1/models/../files")]
    [InlineData("/openai/v1/models/..%2ffiles")]
    [InlineData("/openai/v1/models/%2e%2e")]
    [InlineData("/openai/v1/models/gpt-4o/permissions")]
    [InlineData("/openai/v1/models/gpt-4o?x=1")]
    [InlineData("/openai/v1/models/gpt-4o;x")]
    [InlineData("/openai/v1/models/gpt%2d4o")]
    [InlineData("/openai/v1/models/a@b")]
    [InlineData("/openai/v1/models/")]
    public async Task Sends_no_model_name_that_is_more_than_a_name(string target) => await NothingArrivesAsync("GET", target, null);

    [Theory]
    [InlineData("gpt-4o-mini")]
    [InlineData("ft:gpt-4o-mini-2024-07-18:acme::abc123")]
    [InlineData("a.b_c-d")]
    [InlineData("abc.")]
    [InlineData("...")]
    [InlineData("a..b")]
    [InlineData("chat:completions")]
    public async Task Sends_on_what_was_matched(string model)
    {
        var connected = await own.SomebodyAsync();

        await RawHttp.SendAsync(own.Host, RawHttp.Request("GET", "/openai/v1/models/" + model, connected.Tokens.AccessToken));

        connected.Received[^1].Target.Should().Be("/v1/models/" + model);
    }

    [Fact]
    public async Task Takes_a_whole_address_for_no_path_of_ours() =>
        await NothingArrivesAsync("POST", own.Host.Address + "/openai/v1/chat/completions", Chat);

    [Theory]
    [InlineData("CONNECT", "localhost:443")]
    [InlineData("TRACE", "/openai/v1/models")]
    [InlineData("get", "/openai/v1/models")]
    [InlineData("GETX", "/openai/v1/models")]
    public async Task Sends_no_method_but_the_listed_one(string method, string target) => await NothingArrivesAsync(method, target, null);

    [Fact]
    [Trait("Checklist", "20")]
    public async Task Does_not_let_a_header_choose_the_method()
    {
        var connected = await own.SomebodyAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/openai/v1/models/gpt-4o");
        request.Headers.Authorization = new("Bearer", connected.Tokens.AccessToken);
        request.Headers.Add("X-HTTP-Method-Override", "DELETE");
        request.Headers.Add("X-Original-URL", "/v1/organization/users");
        request.Headers.Add("X-Rewrite-URL", "/v1/organization/users");

        using var response = await own.Host.NewClient().SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received[^1].Method.Should().Be("GET");
        connected.Received[^1].Target.Should().Be("/v1/models/gpt-4o");
    }

    private async Task NothingArrivesAsync(string method, string target, string? body)
    {
        var connected = await own.SomebodyAsync();
        var before = own.Host.Journal.Arrived;

        var answer = await RawHttp.SendAsync(own.Host, RawHttp.Request(method, target, connected.Tokens.AccessToken, body));

        answer.Status.Should().BeOneOf(400, 401, 403, 404, 405);
        own.Host.Journal.Arrived.Should().Be(before);
        answer.Text.Should().NotContain("X-Injected: ");
        if (answer.Status == 403)
        {
            answer.Text.Should().Contain("operation_not_allowed");
        }
    }
}
