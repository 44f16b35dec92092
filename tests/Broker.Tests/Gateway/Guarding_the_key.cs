using System.Text;
using CsCheck;
using Microsoft.AspNetCore.Http;
using TokenBroker.Gateway;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "22")]
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

        Take(guard, "data: whatever\n\n").Should().Be("data: whatever\n\n");
        Take(guard, "data: sk-sec").Should().Be("data: ");
        Take(guard, "tion").Should().Be("sk-section");
    }

    [Fact]
    public async Task Makes_no_difference_to_what_the_tap_passes() =>
        await Gen.Select(Answer, Splitting.Lengths).SampleAsync(
            async (answer, lengths) =>
            {
                var stream = $"data: {{\"text\":\"{answer}\",\"usage\":{{\"prompt_tokens\":{answer.Length}}}}}\n\ndata: [DONE]\n\n";
                var tap = new ResponseTap(new KeyGuard("sabsab-no-such-key"), AnswerShape.Events, hideUsage: false);
                var passed = await PumpAsync(tap, Splitting.Stream(Encoding.UTF8.GetBytes(stream), lengths));
                passed.Should().Be(stream);
                tap.Bytes.Should().Be(stream.Length);
                tap.Events.Should().Be(2);
                Encoding.UTF8.GetString(tap.Usage.Span).Should().Be($"{{\"prompt_tokens\":{answer.Length}}}");
            },
            iter: 1_000);

    [Fact]
    public async Task Breaks_off_before_any_part_of_the_key() =>
        await Gen.Select(Key, Answer, Answer, Splitting.Lengths, Gen.Bool).SampleAsync(
            async (key, before, after, lengths, hideUsage) =>
            {
                var tap = new ResponseTap(new KeyGuard(key), AnswerShape.Events, hideUsage);
                var passed = await PumpAsync(tap, Splitting.Stream(Encoding.UTF8.GetBytes(before + key + after), lengths));
                (before + key).Should().StartWith(passed);
                passed.Should().NotContain(key);
                tap.KeyWasEchoed.Should().BeTrue();
            },
            iter: 1_000);

    private static string? Take(KeyGuard guard, string chunk)
    {
        var lead = guard.Held;
        var bytes = new byte[lead + chunk.Length];
        Encoding.ASCII.GetBytes(chunk, bytes.AsSpan(lead));
        return guard.TryPass(bytes, out var length) ? Encoding.ASCII.GetString(bytes, 0, length) : null;
    }

    private static (string Passed, bool IsWhole) Pass(string key, string answer, int[] lengths)
    {
        var guard = new KeyGuard(key);
        var passed = new StringBuilder();
        foreach (var chunk in Splitting.Chunks(Encoding.ASCII.GetBytes(answer), lengths))
        {
            if (Take(guard, Encoding.ASCII.GetString(chunk.Span)) is not { } part)
            {
                return (passed.ToString(), false);
            }

            passed.Append(part);
            guard.Held.Should().BeLessThan(key.Length);
        }

        var rest = new byte[guard.Held];
        guard.PutHeld(rest);
        return (passed.Append(Encoding.ASCII.GetString(rest)).ToString(), true);
    }

    /// <summary>What has passed when the answer ended, or broke.</summary>
    private static async Task<string> PumpAsync(ResponseTap tap, Stream upstream)
    {
        var passed = new MemoryStream();
        var context = new DefaultHttpContext { Response = { Body = passed } };
        var watch = CallWatch.Over(context, TimeSpan.FromMinutes(1), null, CancellationToken.None);
        try
        {
            await AnswerPump.RunAsync(upstream, context.Response, tap, watch);
        }
        catch (IOException)
        {
            // Withheld from here on.
        }

        await context.Response.BodyWriter.FlushAsync();
        watch.Release(mayReuse: true);
        return Encoding.UTF8.GetString(passed.ToArray());
    }
}
