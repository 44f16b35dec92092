using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TokenBroker.Tests.Gateway.Objects;
using TokenBroker.Tests.Host;
using TokenBroker.Tests.Operations;

namespace TokenBroker.Tests.Gateway;

/// <summary>Who sends slower than a telegraph is ended, holds no place after, and while they last no memory but for what they sent.</summary>
[Trait("Checklist", "26")]
public sealed class Sending_slowly
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Theory]
    [InlineData("Content-Length: 20000\r\n\r\n{\"model\":")]
    [InlineData("Transfer-Encoding: chunked\r\n\r\n9\r\n{\"model\":\r\n")]
    [InlineData("Content-Length: 20000\r\nExpect: 100-continue\r\n\r\n")]
    public async Task Ends_with_408_before_anything_is_sent_on(string rest)
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "1" });
        using var connected = await Connected.AsAsync(broker);

        var answer = await RawHttp.SendAsync(broker, Post("/chat/completions", connected, "application/json") + rest);

        answer.Text.Should().Contain("HTTP/1.1 408 ").And.Contain("invalid_request");
        connected.Received.Should().BeEmpty();
        using var next = await connected.Api.ChatAsync();
        next.StatusCode.Should().Be(System.Net.HttpStatusCode.OK, "the only place is free again");
    }

    [Fact]
    public async Task Of_a_file_ends_the_upload_at_the_provider_and_gives_everything_back()
    {
        await using var provider = await CountingUpstream.StartAsync();
        await using var broker = await BrokerHost.StartAsync(new() { ["Upstreams:openai:BaseUrl"] = provider.BaseUrl, ["Gateway:ConcurrentCalls"] = "1", ["Gateway:ClientPatience"] = "00:00:02" });
        using var connected = await Connected.AsAsync(broker, "openai:files offline_access");
        var start = "--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n"
            + "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\n" + new string('x', 400_000);

        var answer = await RawHttp.SendAsync(
            broker, Post("/files", connected, "multipart/form-data; boundary=x") + "Content-Length: 5000000\r\n\r\n" + start);

        answer.Text.Should().Contain("HTTP/1.1 408 ");
        (await provider.Whole.WaitAsync(Patience)).Should().BeFalse("half a file is none");
        Books.OfGrant(broker, connected.GrantId).IsIdle.Should().BeTrue();
        using var next = await connected.Api.GetAsync("/files");
        next.StatusCode.Should().Be(System.Net.HttpStatusCode.OK, "the only place is free again");
    }

    [Fact]
    public async Task By_two_hundred_at_once_takes_no_memory_for_what_they_announced()
    {
        const int Clients = 200, Announced = 20_000_000, Sent = 50_000;
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:ConcurrentCalls"] = "1000", ["Gateway:ConcurrentCallsOfUser"] = "1000", ["Gateway:ClientPatience"] = "00:00:10" });
        using var connected = await Connected.AsAsync(broker);
        using var program = await BrokerProcess.TakeOverAsync(broker);
        using (var warm = await connected.Api.ChatAsync())
        {
            warm.StatusCode.Should().Be(System.Net.HttpStatusCode.OK);
        }

        var before = Megabytes(program.Id);
        var head = Encoding.ASCII.GetBytes(
            Post("/chat/completions", connected, "application/json") + $"Content-Length: {Announced}\r\n\r\n{{\"model\":\"gpt-4o-mini\",\"messages\":\"" + new string('x', Sent));
        var clients = await Task.WhenAll(Enumerable.Range(0, Clients).Select(_ => OpenAsync(broker, head)));
        using (var beside = await connected.Api.ChatAsync())
        {
            beside.StatusCode.Should().Be(System.Net.HttpStatusCode.OK, "others are served meanwhile");
        }

        (Megabytes(program.Id) - before).Should().BeLessThan(200, "they announced four gigabytes, and sent ten megabytes");
        foreach (var client in clients)
        {
            using var reader = new StreamReader(client.GetStream());
            (await reader.ReadToEndAsync().WaitAsync(Patience)).Should().Contain("HTTP/1.1 408 ");
            client.Dispose();
        }

        connected.Received.Should().HaveCount(2, "of the slow ones nothing was sent");
    }

    [Fact]
    public async Task Of_headers_ends_as_well()
    {
        // Fifteen seconds are the default, which nobody waits for here.
        await using var broker = await BrokerHost.StartAsync(customise: builder =>
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(1)));

        var answer = await RawHttp.SendAsync(broker, "POST /openai/v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");

        answer.Status.Should().Be(408);
    }

    [Theory]
    [InlineData(1, 40_000)]
    [InlineData(200, 10)]
    public async Task Or_too_much_of_headers_is_refused(int count, int length)
    {
        await using var broker = await BrokerHost.StartAsync();
        var headers = string.Concat(Enumerable.Range(0, count).Select(i => $"X-Long-{i}: {new string('x', length)}\r\n"));

        var answer = await RawHttp.SendAsync(broker, $"GET /openai/v1/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");

        answer.Status.Should().Be(431);
    }

    [Fact]
    public async Task Is_judged_by_these_clocks_unless_the_operator_says_otherwise()
    {
        await using var broker = await BrokerHost.StartAsync();

        var limits = broker.Services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;

        limits.RequestHeadersTimeout.Should().BeLessThanOrEqualTo(TimeSpan.FromSeconds(15));
        limits.MinRequestBodyDataRate!.BytesPerSecond.Should().BeGreaterThanOrEqualTo(240);
        limits.MinResponseDataRate!.BytesPerSecond.Should().BeGreaterThanOrEqualTo(240);
        limits.MaxResponseBufferSize.Should().BeLessThanOrEqualTo(64 * 1024);
        limits.MaxRequestBufferSize.Should().BeLessThanOrEqualTo(1024 * 1024);
    }

    private static string Post(string path, Connected connected, string type) =>
        $"POST /openai/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {connected.Tokens.AccessToken}\r\nContent-Type: {type}\r\n";

    private static async Task<TcpClient> OpenAsync(BrokerHost broker, byte[] bytes)
    {
        var address = new Uri(broker.Address);
        var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port);
        await client.GetStream().WriteAsync(bytes);
        return client;
    }

    /// <summary>What a process has in memory now.</summary>
    private static long Megabytes(int process)
    {
        var line = File.ReadLines($"/proc/{process}/status").Single(line => line.StartsWith("VmRSS:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024;
    }
}
