using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Http;
using TokenBroker.Operations.Egress;
using TokenBroker.Tests.Authorization.Registration;

namespace TokenBroker.Tests.Operations.Egress;

/// <summary>Fetching from addresses that strangers chose: a real server on loopback, and a name server that lies.</summary>
public sealed class Going_out : IAsyncLifetime
{
    private static readonly EgressRules OpenToLoopback = EgressRules.Parse(["127.0.0.0/8"]);
    private static readonly EgressRules Closed = EgressRules.Parse([]);
    private DocumentHost _server = null!;

    public async ValueTask InitializeAsync() => _server = await DocumentHost.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Fetches_a_document_with_nothing_of_ours_on_the_request()
    {
        var address = _server.Publish();

        var answer = await FetchAsync(address, OpenToLoopback);

        answer.Should().BeOfType<EgressAnswer.Document>().Which.MaxAge.Should().Be(TimeSpan.FromMinutes(10));
        _server.Received.Should().ContainSingle().Which.Headers.Keys.Should().BeEquivalentTo("Accept", "Host", "User-Agent");
    }

    [Theory]
    [InlineData("http://127.0.0.1:{port}/x")]
    [InlineData("http://localhost:{port}/x")]
    [InlineData("http://[::ffff:127.0.0.1]:{port}/x")]
    [InlineData("http://0.0.0.0:{port}/x")]
    [InlineData("http://2130706433:{port}/x")]
    [InlineData("http://0x7f.1:{port}/x")]
    [InlineData("https://127.0.0.1:{port}/x")]
    [InlineData("https://169.254.169.254/latest/meta-data")]
    [InlineData("https://[fd00:ec2::254]/latest/meta-data")]
    [InlineData("https://10.0.0.1/x")]
    public async Task Does_not_go_to_addresses_that_are_not_public(string address)
    {
        var answer = await FetchAsync(address.Replace("{port}", new Uri(_server.Http).Port.ToString(provider: null), StringComparison.Ordinal), Closed);

        answer.Should().BeOfType<EgressAnswer.Failure>().Which.MayPass.Should().BeFalse();
        _server.Received.Should().BeEmpty();
    }

    [Fact]
    public async Task Does_not_go_where_one_of_the_addresses_is_not_public()
    {
        ResolveHost mixed = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("93.184.215.14"), IPAddress.Loopback]);

        var answer = await FetchAsync("https://app.example/x", Closed, mixed);

        answer.Should().Be(new EgressAnswer.Failure("does not resolve to public addresses alone", MayPass: false));
    }

    [Fact]
    public async Task Asks_for_the_address_once_and_goes_there_and_nowhere_else()
    {
        var asked = 0;
        ResolveHost rebinding = (_, _) => Task.FromResult<IPAddress[]>([++asked == 1 ? IPAddress.Loopback : IPAddress.Parse("127.0.0.2")]);
        var address = _server.Publish(origin: $"http://rebinding.example:{new Uri(_server.Http).Port}");

        var answer = await FetchAsync(address, OpenToLoopback, rebinding);

        answer.Should().BeOfType<EgressAnswer.Document>("the address that was checked is the one that was connected to");
        asked.Should().Be(1);
        _server.Received.Single().Headers.Host.ToString().Should().StartWith("rebinding.example");
    }

    [Fact]
    public async Task Says_the_same_of_a_name_that_is_not_there_and_of_one_that_leads_inside()
    {
        ResolveHost nowhere = (_, _) => throw new SocketException((int)SocketError.HostNotFound);
        ResolveHost inside = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.0.0.1")]);

        var missing = (EgressAnswer.Failure)await FetchAsync("https://wiki.corp.example/x", Closed, nowhere);
        var found = (EgressAnswer.Failure)await FetchAsync("https://wiki.corp.example/x", Closed, inside);

        missing.Reason.Should().Be(found.Reason);
        missing.MayPass.Should().BeTrue("a name server that is down is no answer");
    }

    [Fact]
    public async Task Checks_again_each_time()
    {
        var asked = 0;
        ResolveHost moving = (_, _) => Task.FromResult<IPAddress[]>([++asked == 1 ? IPAddress.Loopback : IPAddress.Parse("169.254.169.254")]);
        var address = _server.Publish(origin: $"http://moving.example:{new Uri(_server.Http).Port}");
        using var client = new EgressClient(OpenToLoopback, moving);

        var first = await client.GetAsync(new Uri(address), CancellationToken.None);
        var second = await client.GetAsync(new Uri(address), CancellationToken.None);

        first.Should().BeOfType<EgressAnswer.Document>();
        second.Should().BeOfType<EgressAnswer.Failure>("no connection outlives its check").Which.MayPass.Should().BeFalse();
    }

    [Theory]
    [InlineData("http://app.example/x", "is not https")]
    [InlineData("https://app.example:8443/x", "is not on port 443")]
    [InlineData("https://app.example:22/x", "is not on port 443")]
    public async Task Goes_out_by_https_on_its_own_port_alone(string address, string reason)
    {
        ResolveHost global = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("93.184.215.14")]);

        (await FetchAsync(address, Closed, global)).Should().Be(new EgressAnswer.Failure(reason, MayPass: false));
    }

    [Fact]
    public async Task Goes_to_an_allowed_network_by_https_and_by_http_on_loopback_alone()
    {
        ResolveHost inside = (_, _) => Task.FromResult<IPAddress[]>([IPAddress.Parse("10.1.2.3")]);

        EgressRules.Parse(["10.0.0.0/8"]).Complaint(new Uri("https://intranet.example:8443/x"), IPAddress.Parse("10.1.2.3")).Should().BeNull();
        EgressRules.Parse(["10.0.0.0/8"]).Complaint(new Uri("https://intranet.example/x"), IPAddress.Parse("192.168.0.1")).Should().NotBeNull();
        (await FetchAsync("http://intranet.example/x", EgressRules.Parse(["10.0.0.0/8"]), inside)).Should().Be(new EgressAnswer.Failure("is not https", MayPass: false));
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Follows_no_redirect(int status)
    {
        var target = _server.Publish();
        var address = _server.Http + "/moved";
        _server.Answer(address, context =>
        {
            context.Response.StatusCode = status;
            context.Response.Headers.Location = target;
            return Task.CompletedTask;
        });

        (await FetchAsync(address, OpenToLoopback)).Should().Be(new EgressAnswer.Failure($"answers with status {status}", MayPass: false));
        _server.Fetches(target).Should().Be(0);
    }

    [Theory]
    [InlineData("application/json", true)]
    [InlineData("application/json; charset=utf-8", true)]
    [InlineData("application/client-metadata+json", true)]
    [InlineData("text/json", false)]
    [InlineData("text/html", false)]
    [InlineData("application/jsonx", false)]
    [InlineData("image/svg+json", false)]
    [InlineData(null, false)]
    public async Task Takes_json_alone(string? type, bool taken)
    {
        var address = Answering(context =>
        {
            context.Response.ContentType = type;
            return context.Response.WriteAsync("{}");
        });

        (await FetchAsync(address, OpenToLoopback) is EgressAnswer.Document).Should().Be(taken);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reads_32_KB_and_no_more(bool declared)
    {
        var sent = 0L;
        var fits = Answering(context => JsonAsync(context, new byte[EgressClient.MostBytes]));
        var tooLarge = Answering(async context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.ContentLength = declared ? 1L << 30 : null;
            while (sent < 1 << 30)
            {
                await context.Response.Body.WriteAsync(new byte[64 * 1024], context.RequestAborted);
                sent += 64 * 1024;
            }
        });

        (await FetchAsync(fits, OpenToLoopback)).Should().BeOfType<EgressAnswer.Document>().Which.Body.Length.Should().Be(EgressClient.MostBytes);
        (await FetchAsync(tooLarge, OpenToLoopback)).Should().Be(new EgressAnswer.Failure("is larger than 32 KB", MayPass: false));
        sent.Should().BeLessThan(64 << 20, "the connection is let go of, not drained");
    }

    [Fact]
    public async Task Unpacks_nothing()
    {
        var address = Answering(context =>
        {
            context.Response.Headers.ContentEncoding = "gzip";
            return JsonAsync(context, new byte[100]);
        });

        (await FetchAsync(address, OpenToLoopback)).Should().Be(new EgressAnswer.Failure("is compressed", MayPass: false));
    }

    [Fact]
    public async Task Reads_8_KB_of_headers_and_no_more()
    {
        var address = Answering(context =>
        {
            context.Response.Headers["X-Large"] = new string('x', 9 * 1024);
            return JsonAsync(context, "{}"u8.ToArray());
        });

        (await FetchAsync(address, OpenToLoopback)).Should().BeOfType<EgressAnswer.Failure>();
    }

    [Fact]
    public async Task Waits_five_seconds_in_all_however_the_bytes_trickle()
    {
        var address = Answering(async context =>
        {
            context.Response.ContentType = "application/json";
            for (var i = 0; i < 100; i++)
            {
                await context.Response.WriteAsync(" ", context.RequestAborted);
                await context.Response.Body.FlushAsync(context.RequestAborted);
                await Task.Delay(300, context.RequestAborted);
            }
        });
        var started = System.Diagnostics.Stopwatch.StartNew();

        var answer = await FetchAsync(address, OpenToLoopback);

        answer.Should().Be(new EgressAnswer.Failure("does not answer in time", MayPass: true));
        started.Elapsed.Should().BeCloseTo(EgressClient.Patience, TimeSpan.FromSeconds(3));
    }

    [Fact]
    public async Task Trusts_the_systems_authorities_and_the_operators_alone()
    {
        var address = _server.Publish(origin: _server.Https);
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(_server.AuthorityFile);
        await using var another = await DocumentHost.StartAsync();
        var others = new X509Certificate2Collection();
        others.ImportFromPemFile(another.AuthorityFile);

        (await FetchAsync(address, OpenToLoopback, authorities: authorities)).Should().BeOfType<EgressAnswer.Document>();
        (await FetchAsync(address, OpenToLoopback, authorities: others)).Should().BeOfType<EgressAnswer.Failure>();
        (await FetchAsync(address, OpenToLoopback)).Should().BeOfType<EgressAnswer.Failure>();
        (await FetchAsync(address.Replace("localhost", "127.0.0.1", StringComparison.Ordinal), OpenToLoopback, authorities: authorities))
            .Should().BeOfType<EgressAnswer.Failure>("the certificate is for another name");
    }

    [Theory]
    [InlineData(500, true)]
    [InlineData(503, true)]
    [InlineData(429, true)]
    [InlineData(404, false)]
    [InlineData(410, false)]
    [InlineData(204, false)]
    public async Task Tells_a_failure_that_may_pass_from_a_no(int status, bool mayPass)
    {
        var address = Answering(context =>
        {
            context.Response.StatusCode = status;
            return Task.CompletedTask;
        });

        (await FetchAsync(address, OpenToLoopback)).Should().Be(new EgressAnswer.Failure($"answers with status {status}", mayPass));
    }

    private string Answering(RequestDelegate answer)
    {
        var address = $"{_server.Http}/{Guid.NewGuid():N}";
        _server.Answer(address, answer);
        return address;
    }

    private static Task JsonAsync(HttpContext context, byte[] body)
    {
        context.Response.ContentType = "application/json";
        return context.Response.Body.WriteAsync(body).AsTask();
    }

    private static async Task<EgressAnswer> FetchAsync(string address, EgressRules rules, ResolveHost? resolve = null, X509Certificate2Collection? authorities = null)
    {
        // Over IPv4, as the server listens.
        using var client = new EgressClient(rules, resolve ?? ((host, token) => Dns.GetHostAddressesAsync(host, AddressFamily.InterNetwork, token)), authorities);
        return await client.GetAsync(new Uri(address), CancellationToken.None);
    }
}
