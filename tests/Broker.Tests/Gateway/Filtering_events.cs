using System.Buffers;
using System.Text;
using CsCheck;
using TokenBroker.Gateway;

namespace TokenBroker.Tests.Gateway;

public sealed class Filtering_events
{
    private static readonly Gen<string> Event = Gen.OneOf(
        Gen.Int[0, 1_000].Select(n => $"data: {{\"id\":{n},\"choices\":[{{\"delta\":{{\"content\":\"usage é {n}\"}}}}]}}"),
        Gen.Int[0, 1_000].Select(n => $"data: {{\"id\":{n},\"choices\":[{{\"delta\":{{}}}}],\"usage\":null}}"),
        Gen.Int[0, 1_000].Select(n => $"data: {{\"id\":{n}, \"choices\": [{{}}], \"usage\": null}}"),
        Gen.Int[0, 1_000].Select(n => $"data: {{\"id\":{n},\"choices\":[],\"usage\":{{\"prompt_tokens\":{n}}}}}"),
        Gen.Int[0, 1_000].Select(n => $"data: {{\"choices\":[{{\"delta\":{{\"content\":\"\\\",\\\"usage\\\":null\"}}}}],\"n\":{n}}}"),
        Gen.Const(": a comment"),
        Gen.Const("event: ping"),
        Gen.Const("data: [DONE]"));

    private static readonly Gen<string> Stream =
        Gen.Select(Event, Gen.OneOf("\n\n", "\r\n\r\n", "\r\n\n", "\n\r\n")).Select((@event, end) => @event + end).Array[0, 20].Select(string.Concat);

    [Fact]
    public void Gives_the_same_wherever_the_chunks_end() =>
        Gen.Select(Stream, Splitting.Lengths).Sample((stream, lengths) => Filter(stream, lengths).Should().Be(Filter(stream, [int.MaxValue])), iter: 2_000);

    [Fact]
    public void Takes_out_usage_and_nothing_else() =>
        Gen.Select(Stream, Splitting.Lengths).Sample(
            (stream, lengths) =>
            {
                var expected = System.Text.RegularExpressions.Regex.Replace(stream, @"data: \{[^\n]*""choices"":\[\],""usage"":\{[^\n]*\r?\n\r?\n", "");
                expected = expected.Replace("],\"usage\":null}", "]}", StringComparison.Ordinal).Replace("], \"usage\": null}", "]}", StringComparison.Ordinal);
                Filter(stream, lengths).Should().Be(expected);
            },
            iter: 2_000);

    [Fact]
    public void Passes_an_event_as_soon_as_it_is_whole()
    {
        var filter = new EventFilter();
        var passed = new ArrayBufferWriter<byte>();

        filter.Feed("data: {\"choices\":[{}]}\n"u8, passed);
        passed.WrittenCount.Should().Be(0);
        filter.Feed("\nda"u8, passed);
        Encoding.UTF8.GetString(passed.WrittenSpan).Should().Be("data: {\"choices\":[{}]}\n\n");
        filter.Complete(passed);
        Encoding.UTF8.GetString(passed.WrittenSpan).Should().EndWith("\n\nda");
    }

    [Fact]
    public void Holds_no_more_than_a_bounded_part_of_what_never_ends()
    {
        var filter = new EventFilter();
        var chunk = new byte[64 * 1024];
        var passed = new ArrayBufferWriter<byte>();
        for (var i = 1; i <= 100; i++)
        {
            filter.Feed(chunk, passed);
            passed.WrittenCount.Should().BeGreaterThan((i * chunk.Length) - (2 * 1024 * 1024));
        }

        filter.Complete(passed);
        passed.WrittenCount.Should().Be(100 * chunk.Length);
    }

    private static string Filter(string stream, int[] lengths)
    {
        var filter = new EventFilter();
        var passed = new ArrayBufferWriter<byte>();
        foreach (var chunk in Splitting.Chunks(Encoding.UTF8.GetBytes(stream), lengths))
        {
            filter.Feed(chunk.Span, passed);
        }

        filter.Complete(passed);
        return Encoding.UTF8.GetString(passed.WrittenSpan);
    }
}
