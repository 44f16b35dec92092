using System.Text;
using CsCheck;
using TokenBroker.Gateway;

namespace TokenBroker.Tests.Gateway;

public sealed class Guarding_the_key
{
    // Few letters, so that beginnings of the key are everywhere, and in each other.
    private static readonly Gen<string> Key = Gen.String[Gen.OneOf('a', 'b'), 1, 6].Select(text => "s" + text + "sb");
    private static readonly Gen<string> Answer = Gen.String[Gen.OneOf('s', 'a', 'b'), 0, 200];

    [Fact]
    public void Passes_all_that_has_no_key_in_it_unchanged() =>
        Gen.Select(Key, Answer, Splitting.Lengths).Where((key, answer, _) => !answer.Contains(key, StringComparison.Ordinal)).Sample(
            (key, answer, lengths) =>
            {
                var (passed, isWhole) = Pass(key, answer, lengths);
                isWhole.Should().BeTrue();
                passed.Should().Be(answer);
            },
            iter: 3_000);

    [Fact]
    public void Stops_before_the_key_wherever_the_chunks_end() =>
        Gen.Select(Key, Answer, Answer, Splitting.Lengths).Sample(
            (key, before, after, lengths) =>
            {
                var answer = before + key + after;
                var (passed, isWhole) = Pass(key, answer, lengths);
                isWhole.Should().BeFalse();
                answer.Should().StartWith(passed);
                passed.Length.Should().BeLessThanOrEqualTo(answer.IndexOf(key, StringComparison.Ordinal), "no part of the key may pass");
            },
            iter: 3_000);

    [Fact]
    public void Holds_back_nothing_but_a_beginning_of_the_key()
    {
        var guard = new KeyGuard("sk-secret");

        guard.TryPass("data: whatever\n\n"u8.ToArray(), out var passed).Should().BeTrue();
        passed.Length.Should().Be(16);
        guard.TryPass("data: sk-sec"u8.ToArray(), out passed).Should().BeTrue();
        Encoding.ASCII.GetString(passed.Span).Should().Be("data: ");
        guard.TryPass("tion"u8.ToArray(), out passed).Should().BeTrue();
        Encoding.ASCII.GetString(passed.Span).Should().Be("sk-section");
    }

    [Fact]
    public async Task Makes_no_difference_to_what_the_tap_passes() =>
        await Gen.Select(Answer, Splitting.Lengths, Splitting.Lengths).SampleAsync(
            async (answer, lengths, reads) =>
            {
                var stream = $"data: {{\"text\":\"{answer}\",\"usage\":{{\"prompt_tokens\":{answer.Length}}}}}\n\ndata: [DONE]\n\n";
                await using var tap = new ResponseTap(
                    Splitting.Stream(Encoding.UTF8.GetBytes(stream), lengths), new KeyGuard("sabsab-no-such-key"), AnswerShape.Events, hideUsage: false,
                    TimeSpan.FromMinutes(1), _ => [], CancellationToken.None);
                var passed = await ReadAsync(tap, reads);
                passed.Should().Be(stream);
                tap.Bytes.Should().Be(stream.Length);
                tap.Events.Should().Be(2);
                Encoding.UTF8.GetString(tap.Usage.Span).Should().Be($"{{\"prompt_tokens\":{answer.Length}}}");
            },
            iter: 1_000);

    [Fact]
    public async Task Ends_a_stream_with_an_error_and_no_part_of_the_key() =>
        await Gen.Select(Key, Answer, Answer, Splitting.Lengths).SampleAsync(
            async (key, before, after, lengths) =>
            {
                await using var tap = new ResponseTap(
                    Splitting.Stream(Encoding.UTF8.GetBytes(before + key + after), lengths), new KeyGuard(key), AnswerShape.Events, hideUsage: false,
                    TimeSpan.FromMinutes(1), error => Encoding.UTF8.GetBytes($"!{error!.Code}"), CancellationToken.None);
                var passed = await ReadAsync(tap, [4096]);
                passed.Should().EndWith("!upstream_unavailable");
                passed.Should().NotContain(key);
                (tap.KeyWasEchoed, tap.End).Should().Be((true, StreamEnd.Truncated));
            },
            iter: 1_000);

    private static (string Passed, bool IsWhole) Pass(string key, string answer, int[] lengths)
    {
        var guard = new KeyGuard(key);
        var passed = new StringBuilder();
        foreach (var chunk in Splitting.Chunks(Encoding.ASCII.GetBytes(answer), lengths))
        {
            if (!guard.TryPass(chunk, out var part))
            {
                return (passed.ToString(), false);
            }

            passed.Append(Encoding.ASCII.GetString(part.Span));
            guard.Rest.Length.Should().BeLessThan(key.Length);
        }

        return (passed.Append(Encoding.ASCII.GetString(guard.Rest.Span)).ToString(), true);
    }

    private static async Task<string> ReadAsync(ResponseTap tap, int[] reads)
    {
        var passed = new MemoryStream();
        for (var i = 0; ; i++)
        {
            var buffer = new byte[reads[Math.Min(i, reads.Length - 1)]];
            var length = await tap.ReadAsync(buffer);
            if (length == 0)
            {
                return Encoding.UTF8.GetString(passed.ToArray());
            }

            passed.Write(buffer, 0, length);
        }
    }
}
