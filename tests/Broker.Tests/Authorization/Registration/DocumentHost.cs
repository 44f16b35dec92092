using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>A real web server of an app's developer, by http and by https under an authority of its own. It keeps what it was sent.</summary>
public sealed class DocumentHost : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly ConcurrentDictionary<string, RequestDelegate> _answers = new();
    private int _count;

    private DocumentHost(WebApplication server, string authorityFile) => (_server, AuthorityFile) = (server, authorityFile);

    public string Http { get; private set; } = "";

    public string Https { get; private set; } = "";

    /// <summary>PEM of who vouches for its certificate.</summary>
    public string AuthorityFile { get; }

    public ConcurrentQueue<(string Path, IHeaderDictionary Headers)> Received { get; } = new();

    public static async Task<DocumentHost> StartAsync()
    {
        var (authority, certificate) = NewCertificate();
        var file = Path.GetTempFileName();
        await File.WriteAllTextAsync(file, authority);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0, listen => listen.UseHttps(certificate));
        });
        var server = builder.Build();
        var host = new DocumentHost(server, file);
        server.Run(host.AnswerAsync);
        await server.StartAsync();
        var ports = server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses
            .ToDictionary(address => new Uri(address).Scheme, address => new Uri(address).Port);
        (host.Http, host.Https) = ($"http://localhost:{ports["http"]}", $"https://localhost:{ports["https"]}");
        return host;
    }

    /// <summary>The address of a new document, which says what such a document should, with members changed, or by null left out.</summary>
    public string Publish(Dictionary<string, JsonNode?>? change = null, string? origin = null)
    {
        var address = $"{origin ?? Http}/apps/{Interlocked.Increment(ref _count)}.json";
        Change(address, change);
        return address;
    }

    /// <summary>Another document at an address that has one.</summary>
    public void Change(string address, Dictionary<string, JsonNode?>? change = null, string cacheControl = "max-age=600")
    {
        var document = new JsonObject
        {
            ["client_id"] = address,
            ["client_name"] = "Field Notes",
            ["redirect_uris"] = new JsonArray(new Uri(address).GetLeftPart(UriPartial.Authority) + "/callback"),
        };
        foreach (var (name, value) in change ?? [])
        {
            document.Remove(name);
            if (value is not null)
            {
                document[name] = value.DeepClone();
            }
        }

        var json = document.ToJsonString();
        Answer(address, context =>
        {
            context.Response.ContentType = "application/json";
            context.Response.Headers.CacheControl = cacheControl;
            return context.Response.WriteAsync(json);
        });
    }

    public void Answer(string address, RequestDelegate answer) => _answers[new Uri(address).AbsolutePath] = answer;

    public int Fetches(string address) => Received.Count(request => request.Path == new Uri(address).AbsolutePath);

    public async ValueTask DisposeAsync()
    {
        await _server.StopAsync(new CancellationToken(canceled: true));
        await _server.DisposeAsync();
        File.Delete(AuthorityFile);
    }

    private Task AnswerAsync(HttpContext context)
    {
        Received.Enqueue((context.Request.Path, new HeaderDictionary(context.Request.Headers.ToDictionary())));
        if (_answers.TryGetValue(context.Request.Path, out var answer))
        {
            return answer(context);
        }

        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static (string AuthorityPem, X509Certificate2 Certificate) NewCertificate()
    {
        var (from, until) = (DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=An authority of a test", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        using var authority = request.CreateSelfSigned(from, until);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var leaf = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        leaf.CertificateExtensions.Add(names.Build());
        leaf.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid("1.3.6.1.5.5.7.3.1")], false));
        using var signed = leaf.Create(authority, from, until, RandomNumberGenerator.GetBytes(8));
        using var whole = signed.CopyWithPrivateKey(key);
        return (authority.ExportCertificatePem(), X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null));
    }
}
