using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using TokenBroker.Gateway;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Gateway;

public sealed class Editing_a_body
{
    private static readonly Gen<string> Member = Gen.OneOf(
        "\"messages\":[{\"role\":\"user\",\"content\":\"stream_options store {} \\\" é\"}]",
        "\"temperature\" : 0.5",
        "\"metadata\":{\"store\":true,\"stream_options\":{\"include_usage\":false}}",
        "\"user\":\"someone\"",
        "\"stop\":[\"}\",\"{\"]");

    private static readonly Gen<string> Options = Gen.OneOf(
        "",
        "\"stream_options\":null",
        "\"stream_options\":{}",
        "\"stream_options\": { }",
        "\"stream_options\":{\"include_usage\":false}",
        "\"stream_options\":{\"include_usage\":null}",
        "\"stream_options\":{\"include_obfuscation\":true}",
        "\"stream_options\":{\"include_obfuscation\":{\"a\":[1]},\"include_usage\":false}",
        "\"stream_options\":{\"include_usage\":true}");

    private static readonly Gen<string> Store = Gen.OneOf("", "\"store\":false", "\"store\":null", "\"store\" : false");

    [Fact]
    public void Asks_a_chat_stream_for_usage_and_changes_nothing_else() =>
        Gen.Select(Options, Store, Member.Array[0, 4], Gen.Shuffle(Enumerable.Range(0, 8).ToArray())).Sample(
            (options, store, members, order) =>
            {
                var body = Body(["\"model\":\"gpt-4o-mini\"", "\"stream\":true", options, store, .. members.Distinct()], order);
                var (request, edited) = Edit(body, OperationKind.Chat);

                var expected = JsonNode.Parse(body)!.AsObject();
                var asked = expected["stream_options"]?["include_usage"]?.GetValue<bool>() ?? false;
                request.HideUsage.Should().Be(!asked);
                (expected["stream_options"] as JsonObject ?? Fresh(expected))["include_usage"] = true;
                if (expected.ContainsKey("store"))
                {
                    expected["store"] = false;
                }

                JsonNode.DeepEquals(JsonNode.Parse(edited), expected).Should().BeTrue($"{body} became {edited}");
            },
            iter: 3_000);

    [Fact]
    public void Turns_the_store_of_responses_off_and_changes_nothing_else() =>
        Gen.Select(Store, Member.Array[0, 4], Gen.Shuffle(Enumerable.Range(0, 8).ToArray())).Sample(
            (store, members, order) =>
            {
                var body = Body(["\"model\":\"gpt-4o-mini\"", "\"stream\":true", store, .. members.Distinct()], order);
                var (request, edited) = Edit(body, OperationKind.Response);

                var expected = JsonNode.Parse(body)!.AsObject();
                expected["store"] = false;
                request.HideUsage.Should().BeFalse();
                JsonNode.DeepEquals(JsonNode.Parse(edited), expected).Should().BeTrue($"{body} became {edited}");
            },
            iter: 2_000);

    [Fact]
    public void Leaves_a_body_that_needs_no_edit_as_it_is()
    {
        const string body = "{ \"model\" : \"gpt-4o-mini\", \"messages\":[]  }";

        Edit(body, OperationKind.Chat).Edited.Should().Be(body);
    }

    [Theory]
    [InlineData("\"a\"", 1)]
    [InlineData("[1,2,3]", 1)]
    [InlineData("[\"a\",\"b\",\"c\"]", 3)]
    [InlineData("[[1,2],[3]]", 2)]
    [InlineData("[]", 1)]
    [InlineData("null", 1)]
    public void Counts_each_prompt_of_a_legacy_completion(string prompt, long count) =>
        Edit($"{{\"model\":\"gpt-3.5-turbo-instruct\",\"prompt\":{prompt}}}", OperationKind.Completion).Request.Prompts.Should().Be(count);

    private static JsonObject Fresh(JsonObject body)
    {
        var options = new JsonObject();
        body["stream_options"] = options;
        return options;
    }

    private static string Body(string[] members, int[] order) => "{" + string.Join(
        " , ", members.Where(m => m.Length > 0).Select((member, index) => (member, index)).OrderBy(m => order[m.index % order.Length]).Select(m => m.member)) + "}";

    private static (CallRequest Request, string Edited) Edit(string body, OperationKind kind)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var (request, refusal) = JsonRequest.Read(bytes, kind);
        refusal.Should().BeNull();
        var rented = ArrayPool<byte>.Shared.Rent(bytes.Length);
        bytes.CopyTo(rented, 0);
        return (request!, Encoding.UTF8.GetString(RequestBody.Apply(rented.AsMemory(0, bytes.Length), ref request!.Edits).Bytes.Span));
    }
}
