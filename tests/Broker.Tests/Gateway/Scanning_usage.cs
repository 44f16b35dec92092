using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using CsCheck;
using TokenBroker.Gateway;

namespace TokenBroker.Tests.Gateway;

public sealed class Scanning_usage
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private static readonly Gen<string> Text = Gen.OneOf(
        Gen.String[Gen.Char.AlphaNumeric, 0, 12],
        Gen.OneOf("usage", "response", "\"usage\":{\"a\":1}", "\\", "}{", "é\u2028", "\\\"usage\\\":{}", "\ud83d\ude00"));

    private static readonly Gen<JsonNode?> Leaf = Gen.OneOf(
        Gen.Int.Select(n => (JsonNode?)n), Text.Select(t => (JsonNode?)t), Gen.Bool.Select(b => (JsonNode?)b), Gen.Const((JsonNode?)null));

    private static readonly Gen<JsonNode?> Value = Gen.Recursive<JsonNode?>((depth, inner) => depth > 4
        ? Leaf
        : Gen.OneOf(
            Leaf,
            inner.Array[0, 4].Select(items => (JsonNode?)new JsonArray([.. items.Select(i => i?.DeepClone())])),
            Gen.Select(Name(), inner).Array[0, 5].Select(Object)));

    private static readonly Gen<JsonNode?> Document = Gen.Select(Name(), Value).Array[0, 6].Select(Object);

    [Fact]
    public void Finds_the_last_usage_object_at_the_top_or_in_the_response() =>
        Gen.Select(Document, Gen.Bool, Splitting.Lengths).Sample(
            (document, isIndented, lengths) =>
            {
                var bytes = JsonSerializer.SerializeToUtf8Bytes(document, isIndented ? Indented : JsonSerializerOptions.Default);
                var expected = Expected(document!.AsObject());
                var found = Scan(bytes, lengths);
                (found.Length == 0).Should().Be(expected is null);
                if (expected is not null)
                {
                    JsonNode.DeepEquals(JsonNode.Parse(found), expected).Should().BeTrue();
                }
            },
            iter: 3_000);

    [Fact]
    public void Never_throws_on_what_is_not_JSON() =>
        Gen.Select(Gen.OneOf("{", "}", "[", "]", "\"usage\"", "\"response\"", ":", ",", "\"", "\\", "1", " ").Array[0, 200].Select(string.Concat), Splitting.Lengths)
            .Sample((text, lengths) => { Scan(Encoding.UTF8.GetBytes(text), lengths); }, iter: 3_000);

    [Fact]
    public void Keeps_the_last_of_several_values()
    {
        var scanner = new UsageScanner();
        scanner.Feed("{\"usage\":{\"n\":1}}"u8);
        scanner.Reset();
        scanner.Feed("{\"usage\":null}"u8);
        Encoding.UTF8.GetString(scanner.Usage.Span).Should().Be("{\"n\":1}");
        scanner.Reset();
        scanner.Feed("{\"usage\":{\"n\":2}}"u8);

        Encoding.UTF8.GetString(scanner.Usage.Span).Should().Be("{\"n\":2}");
    }

    [Fact]
    public void Gives_up_a_usage_object_that_has_no_end()
    {
        var scanner = new UsageScanner();
        scanner.Feed("{\"usage\":{\"text\":\""u8);
        var chunk = new byte[1024];
        chunk.AsSpan().Fill((byte)'a');
        for (var i = 0; i < 100; i++)
        {
            scanner.Feed(chunk);
        }

        scanner.Feed("\"}}"u8);
        scanner.Usage.Length.Should().Be(0);
    }

    private static Gen<string> Name() => Gen.Frequency((3, Gen.OneOf("usage", "response", "usages", "responses", "id", "a")), (1, Text));

    private static JsonNode? Object((string Name, JsonNode? Value)[] members)
    {
        var json = new JsonObject();
        foreach (var (name, value) in members)
        {
            json[name] = value?.DeepClone();
        }

        return json;
    }

    /// <summary>What a parser that holds the whole document finds; the scanner reads in the order of the bytes.</summary>
    private static JsonObject? Expected(JsonObject document)
    {
        JsonObject? found = null;
        foreach (var (name, value) in document)
        {
            found = name switch
            {
                "usage" when value is JsonObject usage => usage,
                "response" when value is JsonObject response && response["usage"] is JsonObject usage => usage,
                _ => found,
            };
        }

        return found;
    }

    private static string Scan(byte[] bytes, int[] lengths)
    {
        var scanner = new UsageScanner();
        foreach (var chunk in Splitting.Chunks(bytes, lengths))
        {
            scanner.Feed(chunk.Span);
        }

        return Encoding.UTF8.GetString(scanner.Usage.Span);
    }
}
