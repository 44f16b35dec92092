using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using TokenBroker.Tests.Host;
using TokenBroker.Upstreams;

namespace TokenBroker.Tests.Gateway;

public sealed class Speaking_HTTP_2
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task Is_how_calls_reach_a_provider_that_serves_it()
    {
        await using var upstream = await Provider.StartAsync();
        await using var broker = await upstream.BrokerAsync();
        using var connected = await Connected.AsAsync(broker);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => connected.Api.ChatAsync()));

        answers.Should().OnlyContain(answer => answer.StatusCode == HttpStatusCode.OK);
        (await answers[0].Content.ReadAsStringAsync()).Should().Be("{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}");
        upstream.Chats.Should().HaveCount(20).And.OnlyContain(chat => chat.Protocol == "HTTP/2" && chat.Authorization == "Bearer " + connected.Key);
        (await connected.UsageAsync(20)).Should().OnlyContain(usage => !usage.Estimated);
    }

    [Fact]
    [Trait("Checklist", "24")]
    public async Task Cancels_one_stream_when_its_client_leaves()
    {
        await using var upstream = await Provider.StartAsync();
        await using var broker = await upstream.BrokerAsync();
        using var connected = await Connected.AsAsync(broker);
        var response = await connected.Api.OpenStreamAsync("stay open");

        response.Dispose();

        await upstream.Left.WaitAsync(Patience);
        using var next = await connected.Api.ChatAsync();
        next.StatusCode.Should().Be(HttpStatusCode.OK, "the others on that connection go on");
    }

    private sealed class Provider(WebApplication app, X509Certificate2 certificate) : IAsyncDisposable
    {
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public ConcurrentBag<(string Protocol, string Authorization)> Chats { get; } = [];

        public Task Left => _left.Task;

        public static async Task<Provider> StartAsync()
        {
            var builder = WebApplication.CreateBuilder();
            builder.Logging.ClearProviders();
            var certificate = NewCertificate();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate)));
            var provider = new Provider(builder.Build(), certificate);
            await provider.RunAsync();
            return provider;
        }

        public Task<BrokerHost> BrokerAsync()
        {
            var trust = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
            trust.CustomTrustStore.Add(certificate);
            var port = new Uri(app.Urls.First()).Port;
            return BrokerHost.StartAsync(
                new() { ["Upstreams:openai:BaseUrl"] = $"https://localhost:{port}/v1" },
                customise: builder => builder.Services.Replace(
                    ServiceDescriptor.Singleton(services => new UpstreamClient(services.GetRequiredService<UpstreamTrouble>(), new SslClientAuthenticationOptions { CertificateChainPolicy = trust }))));
        }

        public async ValueTask DisposeAsync()
        {
            await app.DisposeAsync();
            certificate.Dispose();
        }

        private Task RunAsync()
        {
            app.MapGet("/v1/models", () => Results.Text("{}", "application/json"));
            app.MapPost("/v1/chat/completions", async context =>
            {
                var body = await new StreamReader(context.Request.Body).ReadToEndAsync();
                Chats.Add((context.Request.Protocol, context.Request.Headers.Authorization.ToString()));
                if (!body.Contains("stay open", StringComparison.Ordinal))
                {
                    context.Response.ContentType = "application/json";
                    await context.Response.WriteAsync("{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}");
                    return;
                }

                context.Response.ContentType = "text/event-stream";
                await context.Response.Body.FlushAsync();
                await Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                _left.TrySetResult();
            });
            return app.StartAsync();
        }

        private static X509Certificate2 NewCertificate()
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
            var names = new SubjectAlternativeNameBuilder();
            names.AddDnsName("localhost");
            request.CertificateExtensions.Add(names.Build());
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
            var now = TimeProvider.System.GetUtcNow();
            using var made = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
            return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        }
    }
}
