using System.Net;
using System.Text;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway.Objects;

public sealed class Uploading(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    private const string Type = "multipart/form-data; boundary=x";
    private const string Purpose = "--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n";
    private const string File = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [Trait("Checklist", "26")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Passes_a_large_file_on_as_it_comes(bool isChunked)
    {
        const int size = 200_000_000;
        await using var provider = await CountingUpstream.StartAsync();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = provider.BaseUrl });
        using var connected = await Connected.AsAsync(broker, "openai:files offline_access");
        var (head, tail) = (Purpose + File, "\r\n--x--\r\n");
        using var body = new Slowly(head, size, tail, isChunked, afterFirst: () => provider.Begun.WaitAsync(Patience));

        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/files", body);

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        body.WaitedFor.Should().BeTrue("the provider had its first bytes while most were not sent yet");
        provider.Received.Should().Be(size + head.Length + tail.Length);
    }

    [Fact]
    public async Task Breaks_off_where_a_field_behind_the_file_is_refused()
    {
        await using var provider = await CountingUpstream.StartAsync();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = provider.BaseUrl });
        using var connected = await Connected.AsAsync(broker, "openai:files offline_access");
        using var body = new Slowly(
            File, 1_000_000, "\r\n--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\neverything\r\n--x--\r\n", isChunked: false, afterFirst: () => provider.Begun.WaitAsync(Patience));

        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/files", body);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest, await response.Content.ReadAsStringAsync());
        (await Api.ErrorAsync(response)).Error.GetProperty("param").GetString().Should().Be("purpose");
        (await provider.Whole.WaitAsync(Patience)).Should().BeFalse("the provider never got the end");
    }

    [Theory]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\neverything\r\n")]
    [InlineData(Purpose + Purpose)]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"Purpose\"\r\n\r\nuser_data\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"purpose\"; filename=\"p\"\r\n\r\nuser_data\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"file_id\"\r\n\r\nfile-1\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ngpt-4o\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Transfer-Encoding: base64\r\n\r\nAA==\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\"\r\n\r\nc\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n folded: b\r\n\r\nc\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data;\nname=\"a\"\r\n\r\nc\r\n")]
    [InlineData("--x\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nc\r\n")]
    [InlineData("--x\r\n\r\nc\r\n")]
    [InlineData("--x \r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nc\r\n")]
    [InlineData("--x\nContent-Disposition: form-data; name=\"a\"\n\nc\n")]
    [InlineData("--xy\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nc\r\n")]
    [InlineData("preamble\r\n")]
    [InlineData("\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\n--x\nContent-Disposition: form-data; name=\"model\"\n\nc\r\n")]
    [InlineData("--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n\u00ff\r\n")]
    public async Task Refuses_before_anything_is_sent_what_can_be_read_in_two_ways(string before) =>
        await RefusedAsync(before + File + "content\r\n--x--\r\n", arrives: false);

    [Theory]
    [InlineData("content\r\n--x--\r\nepilogue")]
    [InlineData("content\r\n--x--")]
    [InlineData("content\r\n--x")]
    [InlineData("content")]
    [InlineData("con\n--x\ntent\r\n--x--\r\n")]
    [InlineData("content\r\n--x-\r\n--x--\r\n")]
    public async Task Never_ends_what_is_broken_behind_its_file(string rest)
    {
        if (rest.EndsWith("--x--", StringComparison.Ordinal))
        {
            // The closing boundary alone is an end as well.
            using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
            using var response = await SendAsync(connected.Api, Purpose + File + rest);
            response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
            return;
        }

        await RefusedAsync(Purpose + File + rest, arrives: true);
    }

    [Fact]
    public async Task Reaches_the_provider_byte_for_byte()
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        var content = new string('\r', 1000) + "\r\n--y\r\n--" + new string('\n', 1000) + "\r\n-\r\n--";
        var body = Purpose + File + content + "\r\n--x\r\nContent-Disposition: form-data; name=\"expires_after[seconds]\"\r\n\r\n3600\r\n--x--\r\n";

        using var response = await SendAsync(connected.Api, body);

        response.StatusCode.Should().Be(HttpStatusCode.OK, await response.Content.ReadAsStringAsync());
        (await connected.ReceivedAsync("/files")).Text.Should().Be(body);
    }

    [Theory]
    [Trait("Checklist", "26")]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ends_at_the_limit(bool isChunked)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:MaxUploadBytes"] = "100000" });
        using var connected = await Connected.AsAsync(broker, "openai:files offline_access");
        using var body = new Slowly(Purpose + File, 150_000, "\r\n--x--\r\n", isChunked, afterFirst: () => Task.CompletedTask);

        using var response = await connected.Api.SendAsync(HttpMethod.Post, "/files", body);

        ((int)response.StatusCode).Should().Be(413);
    }

    private async Task RefusedAsync(string body, bool arrives)
    {
        using var connected = await Connected.AsAsync(own.Host, Neighbours.Scopes);
        var before = own.Host.Journal.Arrived;

        using var response = await SendAsync(connected.Api, body);

        ((int)response.StatusCode).Should().BeOneOf([400, 403], await response.Content.ReadAsStringAsync());
        if (!arrives)
        {
            own.Host.Journal.Arrived.Should().Be(before);
        }

        own.Host.Sandbox.Services.GetService(typeof(Samples.SandboxUpstream.Objects.Shelves)).As<Samples.SandboxUpstream.Objects.Shelves>().CountOf(connected.Key).Should().Be(0);
    }

    private static Task<HttpResponseMessage> SendAsync(Api api, string body)
    {
        var content = new ByteArrayContent(Encoding.Latin1.GetBytes(body));
        content.Headers.TryAddWithoutValidation("Content-Type", Type);
        return api.SendAsync(HttpMethod.Post, "/files", content);
    }

    /// <summary>A form with a file of zeros that waits for something when a little of it was sent.</summary>
    private sealed class Slowly : HttpContent
    {
        private const int FirstPart = 500_000;
        private readonly string _head;
        private readonly int _size;
        private readonly string _tail;
        private readonly bool _isChunked;
        private readonly Func<Task> _afterFirst;

        public Slowly(string head, int size, string tail, bool isChunked, Func<Task> afterFirst)
        {
            (_head, _size, _tail, _isChunked, _afterFirst) = (head, size, tail, isChunked, afterFirst);
            Headers.TryAddWithoutValidation("Content-Type", Type);
        }

        public bool WaitedFor { get; private set; }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(Encoding.ASCII.GetBytes(_head));
            var zeros = new byte[100_000];
            for (var sent = 0; sent < _size; sent += zeros.Length)
            {
                await stream.WriteAsync(zeros.AsMemory(0, Math.Min(zeros.Length, _size - sent)));
                if (sent + zeros.Length == FirstPart)
                {
                    await stream.FlushAsync();
                    await _afterFirst();
                    WaitedFor = true;
                }
            }

            await stream.WriteAsync(Encoding.ASCII.GetBytes(_tail));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _head.Length + _size + _tail.Length;
            return !_isChunked;
        }
    }
}
