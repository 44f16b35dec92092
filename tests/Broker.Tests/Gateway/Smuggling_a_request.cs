using System.Net;
using System.Text.RegularExpressions;
using TokenBroker.Samples.SandboxUpstream;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>
/// Requests that two parsers could end at different places, written to a socket as they are. Each has a second request
/// hidden in it, for a model that nobody else asks for: it must not arrive, and nobody who calls after it may notice.
/// </summary>
[Trait("Checklist", "19")]
public sealed partial class Smuggling_a_request(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Chat = """{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}""";
    private const string Hidden = "GET /openai/v1/models/smuggled HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n\r\n";

    /// <summary>A whole chat as one chunk, and the end; whoever counts bytes instead takes what follows for its body.</summary>
    private static readonly string Chunked = $"{Chat.Length:x}\r\n{Chat}\r\n0\r\n\r\n";

    [Theory]
    [InlineData("Content-Length: CHUNKED\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: CHUNKED\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n")]
    [InlineData("Transfer-Encoding: Chunked\r\ncontent-length: 4\r\n")]
    public Task By_a_length_beside_chunks(string headers) => RefusedAsync(headers, Chunked + Hidden);

    [Theory]
    [InlineData("Transfer-Encoding: chunked, identity\r\n")]
    [InlineData("Transfer-Encoding: identity, chunked\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n")]
    [InlineData("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")]
    [InlineData("Transfer-Encoding: xchunked\r\n")]
    [InlineData("Transfer-Encoding: chunked;q=1\r\n")]
    [InlineData("Transfer-Encoding: \u000bchunked\r\n")]
    [InlineData("Transfer-Encoding: \"chunked\"\r\n")]
    [InlineData("Transfer-Encoding : chunked\r\n")]
    [InlineData("Transfer-Encoding\t: chunked\r\n")]
    [InlineData("Transfer-Encoding: gzip, chunked\r\n")]
    [InlineData("Transfer-Encoding\r\n : chunked\r\n")]
    public Task By_an_encoding_that_is_not_plainly_chunked(string headers) => RefusedAsync(headers, Chunked + Hidden);

    [Theory]
    [InlineData("Content-Length: CHAT\r\nContent-Length: ALL\r\n")]
    [InlineData("Content-Length: ALL\r\nContent-Length: CHAT\r\n")]
    [InlineData("Content-Length: CHAT\r\nContent-Length: CHAT\r\n")]
    [InlineData("Content-Length: CHAT, CHAT\r\n")]
    [InlineData("Content-Length: +CHAT\r\n")]
    [InlineData("Content-Length: +0\r\n")]
    [InlineData("Content-Length: CHAT+\r\n")]
    [InlineData("Content-Length: 00000000000000000000CHAT\r\n")]
    [InlineData("Content-Length: \u00a0CHAT\r\n")]
    [InlineData("Content-Length: \u000bCHAT\r\n")]
    [InlineData("Content-Length: CHAT\u000c\r\n")]
    [InlineData("Content-Length: \r\n")]
    [InlineData("Content-Length: -1\r\n")]
    [InlineData("Content-Length: 0xCHAT\r\n")]
    [InlineData("Content-Length: CHAT CHAT\r\n")]
    [InlineData("Content-Length: CHAT.0\r\n")]
    [InlineData("Content-Length: 99999999999999999999\r\n")]
    [InlineData("Content-Length : CHAT\r\n")]
    [InlineData("Content-Length:\r\n CHAT\r\n")]
    [InlineData("X-Folded: a\r\n Content-Length: 0\r\nContent-Length: CHAT\r\n")]
    [InlineData("X-Folded: a\r\n\tTransfer-Encoding: chunked\r\nContent-Length: CHAT\r\n")]
    [InlineData("X-Bare: a\rTransfer-Encoding: chunked\r\nContent-Length: CHAT\r\n")]
    [InlineData("X-Null: a\0b\r\nContent-Length: CHAT\r\n")]
    [InlineData(": nameless\r\nContent-Length: CHAT\r\n")]
    [InlineData("No colon at all\r\nContent-Length: CHAT\r\n")]
    public Task By_a_length_that_is_not_one_number(string headers) => RefusedAsync(headers, Chat + Hidden);

    [Theory]
    [InlineData("zz\r\n")]
    [InlineData("-1\r\n")]
    [InlineData("0xSIZE\r\n")]
    [InlineData("SIZE SIZE\r\n")]
    [InlineData(" SIZE\r\n")]
    [InlineData("fffffffffffffffffSIZE\r\n")]
    [InlineData("SIZE;\n")]
    [InlineData("SIZE;a\nb\r\n")]
    [InlineData("SIZE\r\r\n")]
    [InlineData("\r\n")]
    public Task By_a_chunk_whose_size_is_none(string size) => RefusedAsync(
        "Transfer-Encoding: chunked\r\n",
        size.Replace("SIZE", $"{Chat.Length:x}", StringComparison.Ordinal) + $"{Chat}\r\n0\r\n\r\n{Hidden}");

    [Theory]
    [InlineData("")]
    [InlineData("\n")]
    [InlineData("x")]
    [InlineData("\rx")]
    public Task By_a_chunk_that_is_longer_than_it_says(string end) => RefusedAsync("Transfer-Encoding: chunked\r\n", $"{Chat.Length:x}\r\n{Chat}{end}0\r\n\r\n{Hidden}");

    [Theory]
    [InlineData("Content-Length: HIDDEN\r\n\r\nHIDE")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\nHEX\r\nHIDE\r\n0\r\n\r\n")]
    public async Task As_the_body_of_what_has_none(string rest)
    {
        var connected = await own.SomebodyAsync();
        var hidden = Hidden.Replace("TOKEN", connected.Tokens.AccessToken, StringComparison.Ordinal);
        var attack = $"GET /openai/v1/models HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {connected.Tokens.AccessToken}\r\n" + rest
            .Replace("HIDDEN", $"{hidden.Length}", StringComparison.Ordinal).Replace("HEX", $"{hidden.Length:x}", StringComparison.Ordinal).Replace("HIDE", hidden, StringComparison.Ordinal);

        // The connection is kept, and the next request on it is another person's.
        using var other = await Connected.AsAsync(own.Host);
        var answer = await RawHttp.SendAsync(own.Host, attack + RawHttp.Request("POST", "/openai/v1/chat/completions", other.Tokens.AccessToken, Asking("after")));

        answer.Status.Should().Be(400);
        Statuses(answer).Should().Equal([400, 200], "a body is a body, and what comes after it is the next request");
        answer.Text.Should().Contain(Reply.To("after"));
        NothingHiddenArrived();
    }

    [Fact]
    public async Task Leaves_no_kept_connection_poisoned()
    {
        using var one = await Connected.AsAsync(own.Host);
        using var two = await Connected.AsAsync(own.Host);
        for (var round = 0; round < 10; round++)
        {
            // What ends in the middle, then two people on one connection, over the same pool of connections to the provider.
            await RawHttp.SendAsync(own.Host, Attack(one, "Content-Length: 9\r\n", Chat + Hidden));
            await RawHttp.SendAsync(own.Host, Attack(one, "Connection: close\r\nTransfer-Encoding: chunked\r\n", $"{Chat.Length:x}\r\n{Chat}\r\n0\r\nContent-Length: 500\r\nAuthorization: Bearer x\r\n\r\n"));
            var (first, second) = ($"first {round}", $"second {round}");

            var answer = await RawHttp.SendAsync(
                own.Host,
                RawHttp.Request("POST", "/openai/v1/chat/completions", one.Tokens.AccessToken, Asking(first)).Replace("Connection: close\r\n", "", StringComparison.Ordinal)
                + RawHttp.Request("POST", "/openai/v1/chat/completions", two.Tokens.AccessToken, Asking(second)));

            Statuses(answer).Should().Equal(200, 200);
            answer.Text.IndexOf(Reply.To(first), StringComparison.Ordinal).Should().BePositive()
                .And.BeLessThan(answer.Text.IndexOf(Reply.To(second), StringComparison.Ordinal), "each is answered with its own answer, in order");
        }

        own.Host.Journal.Snapshot().Where(e => e.Text.Contains("first ", StringComparison.Ordinal)).Should().OnlyContain(e => e.Key == one.Key);
        own.Host.Journal.Snapshot().Where(e => e.Text.Contains("second ", StringComparison.Ordinal)).Should().OnlyContain(e => e.Key == two.Key);
        NothingHiddenArrived();
    }

    private static string Asking(string text) => $$"""{"model":"gpt-4o-mini","messages":[{"role":"user","content":"{{text}}"}]}""";

    private static IEnumerable<int> Statuses(RawAnswer answer) =>
        StatusLine().Matches(answer.Text).Select(match => int.Parse(match.Groups[1].Value, System.Globalization.CultureInfo.InvariantCulture));

    private static string Attack(Connected connected, string headers, string body)
    {
        var token = connected.Tokens.AccessToken;
        return $"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
            + headers.Replace("CHUNKED", $"{Chunked.Length}", StringComparison.Ordinal)
                .Replace("CHAT", $"{Chat.Length}", StringComparison.Ordinal)
                .Replace("ALL", $"{body.Length - "TOKEN".Length + token.Length}", StringComparison.Ordinal)
            + "\r\n" + body.Replace("TOKEN", token, StringComparison.Ordinal);
    }

    private async Task RefusedAsync(string headers, string body)
    {
        var connected = await own.SomebodyAsync();
        var before = own.Host.Journal.Arrived;

        // It asks for no close: the broker hangs up by itself, since nobody knows where the next request would begin.
        var answer = await RawHttp.SendAsync(own.Host, Attack(connected, headers, body));

        Statuses(answer).Should().ContainSingle().Which.Should().BeOneOf(400, 411, 413, 501);
        own.Host.Journal.Arrived.Should().Be(before, "neither the one nor the other is sent");
        using var next = await connected.Api.ChatAsync();
        next.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    private void NothingHiddenArrived() =>
        own.Host.Journal.Snapshot().Should().NotContain(e => e.Path.Contains("smuggled", StringComparison.Ordinal) || e.Text.Contains("smuggled", StringComparison.Ordinal));

    [GeneratedRegex("HTTP/1\\.1 ([0-9]{3}) ")]
    private static partial Regex StatusLine();
}
