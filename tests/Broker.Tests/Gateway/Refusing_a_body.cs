using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Refusing_a_body(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Messages = "\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]";

    private BrokerHost Broker => own.Host;

    [Theory]
    [Trait("Checklist", "27")]
    [InlineData("""{"model":"gpt-4o-mini","model":"gpt-4o","messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":"gpt-4o-mini","\u006dodel":"gpt-4o","messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"messages":[]}""", 403, "model_not_allowed")]
    [InlineData("""{"model":null,"messages":[]}""", 403, "model_not_allowed")]
    [InlineData("""{"model":"","messages":[]}""", 403, "model_not_allowed")]
    [InlineData("""{"model":4,"messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":["gpt-4o-mini"],"messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":{"id":"gpt-4o-mini"},"messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"Model":"gpt-4o-mini","messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":"gpt-4o-mini","MODEL":"gpt-4o","messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":"gpt-4o-mini","mode\u004c":"gpt-4o","messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":"gpt-4o-mini","max_to\u212aens":100000,"max_tokens":1,"messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":"gpt-4o-mini","\u017ftore":true,"messages":[]}""", 400, "invalid_request")]
    [InlineData("""{"model":"gpt-4o-mini\u0000","messages":[]}""", 403, "model_not_allowed")]
    [InlineData("""{"model":"\ud800","messages":[]}""", 400, "invalid_request")]
    public async Task Whose_model_is_not_certain(string body, int status, string code) =>
        await RefusedAsync("/chat/completions", body, status, code);

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("\"text\"")]
    [InlineData("{} {}")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],}""")]
    [InlineData("""{"model":"gpt-4o-mini"/**/,"messages":[]}""")]
    [InlineData("""{'model':'gpt-4o-mini'}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[]} trailing""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"stream":"true"}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"max_tokens":"5"}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"max_tokens":1e99}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"n":129}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"n":99999999999999999999}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":{"role":"user"}}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"stream":true,"stream_options":[]}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"stream":true,"stream_options":{"include_usage":"no"}}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"max_tokens":1,"max_tokens":100000}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"stream":false,"stream":true}""")]
    [InlineData("""{"model":"gpt-4o-mini","messages":[],"messages":[]}""")]
    public async Task That_is_broken(string body) => await RefusedAsync("/chat/completions", body, 400, "invalid_request");

    [Theory]
    [InlineData("/responses", "\"store\":false,\"store\":true", "invalid_request")]
    [InlineData("/responses", "\"previous_response_id\":\"resp_1\"", "not_found")]
    [InlineData("/responses", "\"conversation\":\"conv_1\"", "not_found")]
    [InlineData("/responses", "\"conversation\":{\"id\":\"conv_1\"}", "not_found")]
    [InlineData("/responses", "\"prompt\":{\"id\":\"pmpt_1\"}", "operation_not_allowed")]
    [InlineData("/responses", "\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_1\"}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"id\":\"msg_1\"}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"id\":\"msg_1\",\"type\":\"item_\\u0072eference\"}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"id\":\"msg_1\",\"type\":null}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"id\":\"msg_1\",\"role\":null}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"id\":\"ig_1\",\"type\":\"image_generation_call\"}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":null,\"summary\":[]}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"type\":\"item_reference\",\"id\":\"rs_1\",\"encrypted_content\":\"gAAAA\"}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"type\":\"novel_call\",\"id\":\"nc_1\"}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"type\":\"message\",\"role\":\"user\",\"content\":\"Hello\",\"id\":\"msg_1\",\"type\":\"item_reference\"}]", "invalid_request")]
    [InlineData("/responses", "\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_1\",\"encrypted_content\":\"gAAAA\",\"encrypted_\\u0063ontent\":null}]", "invalid_request")]
    [InlineData("/responses", "\"input\":[{\"id\":\"msg_1\",\"role\":\"user\",\"role\":null,\"content\":\"Hello\"}]", "invalid_request")]
    [InlineData("/responses", "\"input\":[{\"type\":\"additional_tools\",\"role\":\"developer\",\"tools\":[{\"type\":\"web_search\"}]}]", "operation_not_priced")]
    [InlineData("/responses", "\"input\":[{\"type\":\"tool_search_output\",\"to\\u006fls\":[{\"type\":\"function\",\"name\":\"f\"},{\"type\":\"mcp\"}]}]", "operation_not_priced")]
    [InlineData("/responses", "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_id\":\"file-1\"}]}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_image\",\"file_id\":\"file-1\"}]}]", "not_found")]
    [InlineData("/responses", "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_file\",\"file_url\":\"https://x.example\"}]}]", "operation_not_allowed")]
    [InlineData("/chat/completions", "\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":\"file-1\"}}]}]", "not_found")]
    [InlineData("/responses", "\"tools\":[{\"type\":\"web_search\"}]", "operation_not_priced")]
    [InlineData("/responses", "\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":[\"vs_1\"]}]", "operation_not_priced")]
    [InlineData("/responses", "\"tools\":[{\"type\":\"code_interpreter\",\"container\":{\"type\":\"auto\"}}]", "operation_not_priced")]
    [InlineData("/responses", "\"tools\":[{\"type\":\"mcp\",\"server_url\":\"https://x.example\"}]", "operation_not_priced")]
    [InlineData("/responses", "\"tools\":[{\"type\":\"image_generation\"}]", "operation_not_priced")]
    [InlineData("/responses", "\"tools\":[{\"type\":\"function\",\"type\":\"web_search\"}]", "invalid_request")]
    [InlineData("/responses", "\"tools\":[{}]", "operation_not_priced")]
    [InlineData("/responses", "\"tools\":[1,{\"type\":\"web_search\"}]", "invalid_request")]
    [InlineData("/responses", "\"tools\":{\"type\":\"web_search\"}", "invalid_request")]
    [InlineData("/chat/completions", "\"web_search_options\":{}", "operation_not_allowed")]
    [InlineData("/chat/completions", "\"service_tier\":\"turbo\"", "operation_not_allowed")]
    [InlineData("/responses", "\"service_tier\":\"fastest\"", "operation_not_allowed")]
    public async Task That_names_what_is_not_the_apps_or_costs_more_than_it_shows(string path, string member, string code)
    {
        var input = member.Contains("\"input\"", StringComparison.Ordinal) ? "" : ",\"input\":\"Hello\"";
        var messages = member.Contains("\"messages\"", StringComparison.Ordinal) ? "" : "," + Messages;
        var body = "{\"model\":\"gpt-4o-mini\"," + member + (path == "/responses" ? input : messages) + "}";

        await RefusedAsync(path, body, code switch { "invalid_request" => 400, "not_found" => 404, _ => 403 }, code);
    }

    [Fact]
    [Trait("Checklist", "27")]
    public async Task That_hides_a_model_behind_a_malformed_list() =>
        await RefusedAsync("/chat/completions", "{\"model\":\"gpt-4o-mini\",\"tools\":[1],\"model\":\"gpt-4o\"," + Messages + "}", 400, "invalid_request");

    [Fact]
    public async Task That_nests_deeper_than_any_request_does() =>
        await RefusedAsync("/chat/completions", "{\"model\":\"gpt-4o-mini\",\"metadata\":" + new string('[', 200) + new string(']', 200) + "}", 400, "invalid_request");

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    [InlineData("application/jsonp")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData(null)]
    public async Task Of_another_type_than_JSON(string? type)
    {
        var connected = await own.SomebodyAsync();
        var before = Broker.Journal.Arrived;
        using var content = new ByteArrayContent(Encoding.UTF8.GetBytes("{\"model\":\"gpt-4o-mini\"," + Messages + "}"));
        content.Headers.ContentType = type is null ? null : MediaTypeHeaderValue.Parse(type);

        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/chat/completions", content);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        Broker.Journal.Arrived.Should().Be(before);
    }

    [Theory]
    [Trait("Checklist", "26")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task That_is_larger_than_the_limit(bool isChunked)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:MaxJsonBytes"] = "20000", ["Gateway:MaxMultipartBytes"] = "20000" });
        using var connected = await Connected.AsAsync(broker);
        foreach (var path in (string[])["/chat/completions", "/audio/transcriptions"])
        {
            using var content = new ByteArrayContent(new byte[30_000]);
            content.Headers.ContentType = new(path == "/chat/completions" ? "application/json" : "multipart/form-data");
            using var request = new HttpRequestMessage(HttpMethod.Post, "/openai/v1" + path) { Content = content };
            request.Headers.Authorization = new("Bearer", connected.Tokens.AccessToken);
            request.Headers.TransferEncodingChunked = isChunked;

            using var response = await broker.NewClient().SendAsync(request);

            ((int)response.StatusCode).Should().Be(413);
            (await Api.ErrorAsync(response)).Code.Should().Be("request_too_large");
            connected.Received.Should().BeEmpty();
        }
    }

    [Theory]
    [Trait("Checklist", "19")]
    [InlineData("Content-Length: 5\r\n\r\nhello")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")]
    public async Task Where_none_belongs(string rest)
    {
        var connected = await own.SomebodyAsync();
        var before = Broker.Journal.Arrived;

        var answer = await RawHttp.SendAsync(
            Broker, $"GET /openai/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {connected.Tokens.AccessToken}\r\n{rest}");

        answer.Status.Should().Be(400);
        Broker.Journal.Arrived.Should().Be(before);
    }

    [Theory]
    [Trait("Checklist", "19")]
    [InlineData("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n0\r\n\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n5;\r\nhello0\r\n\r\n")]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")]
    [InlineData("X-Folded: a\r\n b\r\nContent-Length: 0\r\n\r\n")]
    public async Task That_could_be_smuggled(string rest)
    {
        var connected = await own.SomebodyAsync();
        var before = Broker.Journal.Arrived;

        var answer = await RawHttp.SendAsync(Broker, string.Create(
            CultureInfo.InvariantCulture,
            $"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {connected.Tokens.AccessToken}\r\nContent-Type: application/json\r\n{rest}"));

        answer.Status.Should().BeOneOf(400, 501);
        Broker.Journal.Arrived.Should().Be(before);
    }

    private async Task RefusedAsync(string path, string body, int status, string code)
    {
        var connected = await own.SomebodyAsync();
        var before = Broker.Journal.Arrived;

        using var response = await connected.Api.PostRawAsync(path, body);

        ((int)response.StatusCode).Should().Be(status, await response.Content.ReadAsStringAsync());
        (await Api.ErrorAsync(response)).Code.Should().Be(code);
        Broker.Journal.Arrived.Should().Be(before, "a refused call is not sent");
    }
}
