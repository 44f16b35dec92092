using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

public sealed class Every_operation(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private BrokerHost Broker => own.Host;

    [Theory]
    [MemberData(nameof(SampleCall.Names), MemberType = typeof(SampleCall))]
    public async Task Is_answered_as_the_provider_answers_it(string operation)
    {
        var connected = await own.SomebodyAsync();
        var call = SampleCall.Of(operation);

        using var response = await call.SendAsync(connected.Api);

        var body = await response.Content.ReadAsByteArrayAsync();
        response.StatusCode.Should().Be(HttpStatusCode.OK, System.Text.Encoding.UTF8.GetString(body));
        connected.Received[^1].Path.Should().Be("/v1" + call.Path);
        connected.Received[^1].Method.Should().Be(call.Method.Method);
        var direct = await DirectAsync(connected.Key, call);
        response.Content.Headers.ContentType.Should().Be(direct.Type);
        Normal(body).Should().Be(Normal(direct.Body));
    }

    [Theory]
    [MemberData(nameof(SampleCall.Names), MemberType = typeof(SampleCall))]
    public async Task Leaves_a_row_of_usage(string operation)
    {
        using var connected = await Connected.AsAsync(Broker);

        using var response = await SampleCall.Of(operation).SendAsync(connected.Api);

        var usage = (await connected.UsageAsync()).Should().ContainSingle().Subject;
        usage.Operation.Should().Be(operation);
        usage.Status.Should().Be(200);
        var isFree = operation.StartsWith("models", StringComparison.Ordinal) || operation == "moderations";
        (usage.CostMicros == 0).Should().Be(isFree);
    }

    [Fact]
    public async Task That_answers_in_text_streams_it_as_well()
    {
        var connected = await own.SomebodyAsync();
        foreach (var operation in (string[])["chat.completions", "completions", "responses"])
        {
            var call = SampleCall.Of(operation);
            var json = JsonNode.Parse(await call.Body()!.ReadAsStringAsync())!;
            json["stream"] = true;

            using var response = await connected.Api.PostRawAsync(call.Path, json.ToJsonString());

            response.StatusCode.Should().Be(HttpStatusCode.OK);
            response.Content.Headers.ContentType!.MediaType.Should().Be("text/event-stream");
            (await response.Content.ReadAsStringAsync()).Should().EndWith(operation == "responses" ? "}\n\n" : "data: [DONE]\n\n");
        }
    }

    [Theory]
    [InlineData("""{"model":"gpt-4o-mini","input":"Hello"}""")]
    [InlineData("""{"model":"gpt-4o-mini","store":false,"input":"Hello"}""")]
    [InlineData("""{"model":"gpt-4o-mini","store":null,"input":"Hello"}""")]
    public async Task Of_responses_stores_nothing_at_the_provider(string body)
    {
        var connected = await own.SomebodyAsync();

        using var response = await connected.Api.PostRawAsync("/responses", body);

        (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("store").GetBoolean().Should().BeFalse();
        connected.Received[^1].Json!["store"]!.GetValue<bool>().Should().BeFalse();
    }

    [Fact]
    public async Task With_a_form_reaches_the_provider_byte_for_byte()
    {
        var connected = await own.SomebodyAsync();
        var call = SampleCall.Of("images.edits");
        var form = call.Body()!;
        var sent = await form.ReadAsByteArrayAsync();

        using var response = await connected.Api.SendAsync(HttpMethod.Post, call.Path, form);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received[^1].Body.ToArray().Should().Equal(sent);
    }

    [Fact]
    public async Task Takes_a_body_of_several_megabytes()
    {
        var connected = await own.SomebodyAsync();
        var picture = "data:image/png;base64," + new string('A', 3_000_000);

        using var response = await connected.Api.PostAsync("/chat/completions", new
        {
            model = "gpt-4o-mini",
            messages = new[] { new { role = "user", content = new object[] { new { type = "image_url", image_url = new { url = picture } } } } },
        });

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        connected.Received[^1].Body.Length.Should().BeGreaterThan(3_000_000);
    }

    private async Task<(MediaTypeHeaderValue? Type, byte[] Body)> DirectAsync(string key, SampleCall call)
    {
        using var client = Broker.NewClient();
        var request = new HttpRequestMessage(call.Method, Broker.SandboxAddress + "/v1" + call.Path) { Content = call.Body() };
        request.Headers.Authorization = new("Bearer", key);
        using var response = await client.SendAsync(request);
        return (response.Content.Headers.ContentType, await response.Content.ReadAsByteArrayAsync());
    }

    /// <summary>An answer without what differs from one request to the next: ids, times, and <c>store</c>, which the broker turns off.</summary>
    private static string Normal(byte[] body)
    {
        if (body.Length == 0 || body[0] != '{')
        {
            return Convert.ToHexString(body);
        }

        var json = JsonNode.Parse(body)!.AsObject();
        foreach (var name in (string[])["id", "created", "created_at", "completed_at", "store", "safety_identifier"])
        {
            json.Remove(name);
        }

        (json["output"]?[0] as JsonObject)?.Remove("id");
        foreach (var item in json["data"] as JsonArray ?? [])
        {
            (item as JsonObject)?.Remove("url");
        }

        return json.ToJsonString();
    }
}
