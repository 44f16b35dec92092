using System.Text;
using CsCheck;
using TokenBroker.Gateway;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed class Scanning_ids
{
    private static readonly ToldObject[] Told = [ToldObject.Parse("id=run"), ToldObject.Parse("thread_id=thread"), ToldObject.Parse("file.id=file"), ToldObject.Parse("result_files=file"), ToldObject.Parse("output[].id=item")];

    [Theory]
    [InlineData("""{"id":"run_1"}""", "run:run_1")]
    [InlineData("""{ "object" : "x" , "id" : "run_1" , "thread_id" : "thread_1" }""", "run:run_1 thread:thread_1")]
    [InlineData("""{"data":[{"id":"no"}],"inner":{"id":"no"},"id":"run_1"}""", "run:run_1")]
    [InlineData("""{"file":{"deep":{"id":"no"},"id":"file_1"},"id":"run_1"}""", "file:file_1 run:run_1")]
    [InlineData("""{"result_files":["file_1","file_2"],"id":"run_1"}""", "file:file_1 file:file_2 run:run_1")]
    [InlineData("""{"text":"\"id\":\"no\"","id":"run_1"}""", "run:run_1")]
    [InlineData("""{"output":[{"id":"item_1","content":[{"id":"no"}],"deep":{"id":"no"}},{"type":"x","id":"item_2"}],"id":"run_1"}""", "item:item_1 item:item_2 run:run_1")]
    [InlineData("""{"output":{"id":"no"},"id":"run_1","outputs":[{"id":"no"}],"file":{"output":[{"id":"no"}],"id":"file_1"}}""", "run:run_1 file:file_1")]
    [InlineData("""{"output":[[{"id":"no"}],"id",{"id":"item_1"}],"other":[{"id":"no"}]}""", "item:item_1")]
    [InlineData("""[{"output":[{"id":"no"}]},{"id":"no"}]""", "")]
    [InlineData("""{"id":null,"thread_id":7,"result_files":[]}""", "")]
    [InlineData("""{"text":"id","other":"thread_id","list":["id","x"],"id":"run_1"}""", "run:run_1")]
    public void Finds_those_that_the_catalogue_names_wherever_the_bytes_are_cut(string json, string expected)
    {
        Splitting.Lengths.Sample(lengths => Scan(json, lengths, isEvents: false) == expected, iter: 200);
        Splitting.Lengths.Sample(lengths => Scan($"event: x\ndata: {{}}\n\ndata: {json}\n\n", lengths, isEvents: true) == expected, iter: 200);
    }

    [Theory]
    [InlineData("""{"id":"run\u005f1"}""")]
    [InlineData("""{"id":"LONG"}""")]
    public void Does_not_guess_at_one_that_is_written_otherwise(string json)
    {
        var scanner = new IdScanner(Told, isEvents: false);

        scanner.Feed(Encoding.UTF8.GetBytes(json.Replace("LONG", new string('a', 201), StringComparison.Ordinal)));

        scanner.IsUnreadable.Should().BeTrue();
    }

    private static string Scan(string json, int[] lengths, bool isEvents)
    {
        var scanner = new IdScanner(Told, isEvents);
        foreach (var chunk in Splitting.Chunks(Encoding.UTF8.GetBytes(json), lengths))
        {
            scanner.Feed(chunk.Span);
        }

        scanner.IsUnreadable.Should().BeFalse();
        return string.Join(' ', scanner.Found.Select(found => $"{found.Kind}:{found.Id}"));
    }
}
