using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace TokenBroker.Operations.Egress;

/// <summary>Finds the addresses of a host; <see cref="Dns"/>, unless a test plays a hostile name server.</summary>
internal delegate Task<IPAddress[]> ResolveHost(string host, CancellationToken cancellationToken);

/// <summary>
/// Fetches a small JSON document from an address that a stranger chose. The threat is the broker as the stranger's arm
/// (server-side request forgery): the network behind it, the cloud's metadata address, itself. So the name is resolved
/// here, once; if any of its addresses is not one that <see cref="EgressRules"/> allows, nothing is connected to, and
/// the connection goes to an address that was checked, not to the name again (DNS rebinding). No redirect, proxy,
/// cookie, credential or decompression; 8 KB of headers, 32 KB of body, five seconds in all.
/// </summary>
internal sealed class EgressClient : IDisposable
{
    public const int MostBytes = 32 * 1024;
    private const int MostHeaderKilobytes = 8;
    private const int MostAddresses = 16;
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly EgressRules _rules;
    private readonly ResolveHost _resolve;
    private readonly HttpMessageInvoker _invoker;

    /// <param name="rules">Where it may connect to.</param>
    /// <param name="resolve">Finds a host's addresses.</param>
    /// <param name="authorities">Certificate authorities of the operator's own network, besides those that the system trusts.</param>
    public EgressClient(EgressRules rules, ResolveHost resolve, X509Certificate2Collection? authorities = null)
    {
        (_rules, _resolve) = (rules, resolve);
        _invoker = new HttpMessageInvoker(NewHandler(authorities), disposeHandler: true);
    }

    public async Task<EgressAnswer> GetAsync(Uri uri, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        using var request = new HttpRequestMessage(HttpMethod.Get, uri) { Version = HttpVersion.Version11, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.UserAgent.Add(new ProductInfoHeaderValue("TokenBroker", null));
        try
        {
            using var response = await _invoker.SendAsync(request, patience.Token);
            return Complaint(response) ?? await ReadAsync(response, patience.Token);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or SocketException)
        {
            return Refusal(exception) is { } refusal
                ? new EgressAnswer.Failure(refusal.Message, refusal.MayPass)
                : new EgressAnswer.Failure("cannot be read", MayPass: true);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return new EgressAnswer.Failure("does not answer in time", MayPass: true);
        }
    }

    public void Dispose() => _invoker.Dispose();

    private SocketsHttpHandler NewHandler(X509Certificate2Collection? authorities)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = ConnectAsync,
            AllowAutoRedirect = false,
            UseProxy = false,
            UseCookies = false,
            AutomaticDecompression = DecompressionMethods.None,
            ActivityHeadersPropagator = null,
            MaxResponseHeadersLength = MostHeaderKilobytes,
            ResponseDrainTimeout = TimeSpan.Zero,

            // Each fetch resolves and checks anew.
            PooledConnectionLifetime = TimeSpan.Zero,
        };
        if (authorities is { Count: > 0 })
        {
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                errors == SslPolicyErrors.None
                || (errors == SslPolicyErrors.RemoteCertificateChainErrors && certificate is X509Certificate2 leaf && IsOfOurs(leaf, chain, authorities));
        }

        return handler;
    }

    /// <summary>Connects to what was checked, and to nothing else.</summary>
    private async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var uri = context.InitialRequestMessage.RequestUri!;
        var host = context.DnsEndPoint.Host.Trim('[', ']');
        var addresses = IPAddress.TryParse(host, out var literal) ? [literal] : await FindAsync(host, cancellationToken);

        foreach (var address in addresses)
        {
            if (_rules.Complaint(uri, address) is { } complaint)
            {
                throw new EgressException(complaint);
            }
        }

        Exception? last = null;
        foreach (var address in addresses)
        {
            var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            try
            {
                await socket.ConnectAsync(address, context.DnsEndPoint.Port, cancellationToken);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch (Exception exception)
            {
                socket.Dispose();
                if (exception is not SocketException)
                {
                    throw;
                }

                last = exception;
            }
        }

        throw last!;
    }

    private async Task<IPAddress[]> FindAsync(string host, CancellationToken cancellationToken)
    {
        try
        {
            var addresses = await _resolve(host, cancellationToken);
            return addresses.Length is > 0 and <= MostAddresses ? addresses : throw new EgressException(EgressException.NotPublic);
        }
        catch (SocketException)
        {
            throw new EgressException(EgressException.NotPublic, mayPass: true);
        }
    }

    private static EgressAnswer.Failure? Complaint(HttpResponseMessage response)
    {
        var status = (int)response.StatusCode;
        if (status != StatusCodes.Status200OK)
        {
            return new($"answers with status {status}", MayPass: status is >= 500 or StatusCodes.Status429TooManyRequests);
        }

        var type = response.Content.Headers.ContentType?.MediaType ?? "";
        if (!type.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            && !(type.StartsWith("application/", StringComparison.OrdinalIgnoreCase) && type.EndsWith("+json", StringComparison.OrdinalIgnoreCase)))
        {
            return new("is not of type application/json", MayPass: false);
        }

        return response.Content.Headers.ContentEncoding.Count > 0 ? new("is compressed", MayPass: false)
            : response.Content.Headers.ContentLength > MostBytes ? TooLarge()
            : null;
    }

    private static async Task<EgressAnswer> ReadAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        await using var body = await response.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[MostBytes + 1];
        var length = await body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellationToken);
        if (length > MostBytes)
        {
            return TooLarge();
        }

        var cache = response.Headers.CacheControl;
        var age = cache is null ? null : cache.NoStore || cache.NoCache ? TimeSpan.Zero : cache.MaxAge - (response.Headers.Age ?? TimeSpan.Zero);
        return new EgressAnswer.Document(buffer.AsMemory(0, length), age);
    }

    private static EgressAnswer.Failure TooLarge() => new($"is larger than {MostBytes / 1024} KB", MayPass: false);

    private static EgressException? Refusal(Exception? exception) =>
        exception is null ? null : exception as EgressException ?? Refusal(exception.InnerException);

    private static bool IsOfOurs(X509Certificate2 leaf, X509Chain? presented, X509Certificate2Collection authorities)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid("1.3.6.1.5.5.7.3.1"));
        if (presented is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(presented.ChainElements.Select(element => element.Certificate).ToArray());
        }

        return chain.Build(leaf);
    }
}
