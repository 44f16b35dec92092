using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using System.Text.RegularExpressions;
using Azure.Core;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Vaults.StandIns;

/// <summary>
/// Azure Key Vault, or a Managed HSM, over real TLS: challenge, tokens with an audience, api-version, versions in pages,
/// wrapkey, unwrapkey, rotate. Every name leads to it, so that a request to a host that is not the vault's is seen here.
/// </summary>
/// <remarks>https://learn.microsoft.com/rest/api/keyvault/keys/operation-groups, api-version 7.6</remarks>
public sealed partial class AzureStandIn : VaultStandIn
{
    public const string KeyName = "broker-key";
    private const int PageSize = 2;
    private static readonly X509Certificate2 Certificate = NewCertificate();
    private readonly bool _hsm;
    private readonly List<AzureStandInKey> _versions = [];

    private AzureStandIn(bool hsm) => _hsm = hsm;

    public AzureIdentity Identity { get; } = new();

    /// <summary>The vault's host.</summary>
    public string Host { get; } = $"vault-{Guid.NewGuid():N}"[..16];

    /// <summary>The host that asks, in challenges, for tokens; null for the real one.</summary>
    public string? ChallengeResource { get; set; }

    /// <summary>Changes a versioned id before it is told.</summary>
    public Func<string, string> Kid { get; set; } = kid => kid;

    /// <summary>Changes a link to more versions before it is told.</summary>
    public Func<string, string> NextLink { get; set; } = link => link;

    /// <summary>The hosts other than the vault's that were asked, and what for.</summary>
    public List<string> Strays { get; } = [];

    /// <summary>Oldest first.</summary>
    public IReadOnlyList<AzureStandInKey> Versions
    {
        get
        {
            lock (_versions)
            {
                return [.. _versions];
            }
        }
    }

    public string Name => Host + (_hsm ? ".managedhsm.azure.net" : ".vault.azure.net");

    public string Resource => _hsm ? "https://managedhsm.azure.net" : "https://vault.azure.net";

    public override Dictionary<string, string> Settings => new()
    {
        ["Vault:Provider"] = _hsm ? "azure-managed-hsm" : "azure-key-vault",
        ["Vault:Azure:KeyId"] = $"https://{Name}/keys/{KeyName}",
    };

    public static Task<AzureStandIn> KeyVaultAsync() => StartAsync(hsm: false);

    public static Task<AzureStandIn> ManagedHsmAsync() => StartAsync(hsm: true);

    public string IdOf(AzureStandInKey version) => $"https://{Name}/keys/{KeyName}/{version.Version}";

    public AzureStandInKey AddVersion(string? type = null, int bits = 2048)
    {
        lock (_versions)
        {
            var version = new AzureStandInKey(type ?? (_hsm ? "oct-HSM" : "RSA"), bits, DateTimeOffset.UtcNow.ToUnixTimeSeconds() + _versions.Count);
            _versions.Add(version);
            return version;
        }
    }

    public override void Connect(IServiceCollection services)
    {
        services.Replace(ServiceDescriptor.Singleton<TokenCredential>(Identity));
        services.Replace(ServiceDescriptor.Singleton(_ => VaultTransport.Create(handler =>
        {
            handler.ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                await socket.ConnectAsync(IPAddress.Loopback, Listening.Port, token);
                return new NetworkStream(socket, ownsSocket: true);
            };
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) => certificate!.GetCertHashString() == Certificate.GetCertHashString();
        })));
    }

    protected override async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        var authorization = request.Headers.Authorization.ToString();
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        if (authorization.Length == 0 && body.Length > 0)
        {
            Violations.Enqueue("A body came before the token.");
        }

        var complaint = authorization.Length == 0 ? "AKV10000: Request is missing a Bearer or PoP token." : Faults.TokensExpired ? "AKV10014: Token is expired." : Identity.ComplaintOf(authorization, Resource);
        if (complaint is not null)
        {
            context.Response.Headers.WWWAuthenticate = $"Bearer authorization=\"https://login.windows.net/{Identity.TenantId}\", resource=\"{ChallengeResource ?? Resource}\"";
            await RefuseAsync(context, 401, "Unauthorized", complaint);
            return;
        }

        if (request.Query["api-version"] != "7.6")
        {
            Violations.Enqueue($"The api-version is '{request.Query["api-version"]}'.");
            await RefuseAsync(context, 400, "BadParameter", "The specified version is not recognized. Consider using the latest supported version.");
            return;
        }

        if (body.Length > 0 && request.ContentType?.StartsWith("application/json", StringComparison.Ordinal) != true)
        {
            Violations.Enqueue($"The body is '{request.ContentType}'.");
        }

        await OperateAsync(context, body.Length == 0 ? default : JsonDocument.Parse(body.ToArray()).RootElement);
    }

    protected override Task RefuseAsync(HttpContext context, int status, string code, string message) =>
        JsonAsync(context, status, code is "KeyDisabled" or "ForbiddenByPolicy"
            ? new { error = new { code = "Forbidden", message, innererror = new { code } } }
            : new { error = new { code, message } });

    private static async Task<AzureStandIn> StartAsync(bool hsm)
    {
        var vault = new AzureStandIn(hsm);
        vault.AddVersion();
        await vault.StartAsync(options => options.UseHttps(Certificate));
        return vault;
    }

    protected override bool IsForAnother(HttpRequest request)
    {
        if (request.Host.Host == Name && request.IsHttps)
        {
            return false;
        }

        lock (Strays)
        {
            Strays.Add($"{request.Method} {request.Host}{request.Path}{(request.Headers.Authorization.Count > 0 ? " with a token" : "")}");
        }

        return true;
    }

    private async Task OperateAsync(HttpContext context, JsonElement body)
    {
        var path = Route().Match(context.Request.Path.Value!);
        var versions = Versions;
        var version = path.Groups["version"].Success ? versions.FirstOrDefault(v => v.Version == path.Groups["version"].Value) : versions[^1];
        if (!path.Success || path.Groups["name"].Value != KeyName || version is null)
        {
            await RefuseAsync(context, 404, "KeyNotFound", $"A key with (name/id) {path.Groups["name"].Value} was not found in this key vault.");
            return;
        }

        switch ((context.Request.Method, path.Groups["verb"].Value, path.Groups["version"].Success))
        {
            case ("GET", "", _):
                await JsonAsync(context, 200, Bundle(version));
                break;
            case ("PATCH", "", true):
                version.Enabled = body.GetProperty("attributes").GetProperty("enabled").GetBoolean();
                await JsonAsync(context, 200, Bundle(version));
                break;
            case ("GET", "versions", false):
                await JsonAsync(context, 200, Page(versions, context.Request.Query["$skiptoken"]));
                break;
            case ("POST", "rotate", false):
                await JsonAsync(context, 200, Bundle(AddVersion()));
                break;
            case ("POST", "wrapkey" or "unwrapkey", true):
                await WrapAsync(context, version, path.Groups["verb"].Value == "wrapkey", body);
                break;
            default:
                Violations.Enqueue($"{context.Request.Method} {context.Request.Path}");
                await RefuseAsync(context, 405, "MethodNotAllowed", "The method is not allowed.");
                break;
        }
    }

    private async Task WrapAsync(HttpContext context, AzureStandInKey version, bool wrap, JsonElement body)
    {
        if (!version.Enabled || Faults.KeyDisabled)
        {
            await RefuseAsync(context, 403, "KeyDisabled", "Operation wrapKey is not allowed on a disabled key.");
            return;
        }

        if (!version.Operations.Contains(wrap ? "wrapKey" : "unwrapKey"))
        {
            await RefuseAsync(context, 403, "ForbiddenByPolicy", "Operation is not permitted on this key.");
            return;
        }

        byte[]? result;
        try
        {
            var (algorithm, value) = (body.GetProperty("alg").GetString(), Base64Url.DecodeFromChars(body.GetProperty("value").GetString()));
            result = wrap ? version.Wrap(algorithm, value) : version.Unwrap(algorithm, value);
        }
        catch (CryptographicException)
        {
            await RefuseAsync(context, 400, "BadParameter", "The parameter is incorrect.");
            return;
        }

        if (result is null)
        {
            Violations.Enqueue("The algorithm " + body.GetProperty("alg"));
            await RefuseAsync(context, 400, "BadParameter", "Key and algorithm do not go together.");
        }
        else if (Faults.Garbage is { } garbage)
        {
            context.Response.ContentType = "application/json";
            await context.Response.WriteAsync(garbage.Replace("KID", IdOf(version), StringComparison.Ordinal));
        }
        else
        {
            await JsonAsync(context, 200, new { kid = Kid(IdOf(version)), value = Base64Url.EncodeToString(result) });
        }
    }

    private object Bundle(AzureStandInKey version) => new { key = version.Jwk(Kid(IdOf(version))), attributes = Attributes(version) };

    private static object Attributes(AzureStandInKey version) => new { enabled = version.Enabled, created = version.Created, updated = version.Created, recoveryLevel = "Recoverable+Purgeable" };

    /// <summary>In the order of their names, as the vault lists them, which is not that of time.</summary>
    private object Page(IReadOnlyList<AzureStandInKey> versions, string? skip)
    {
        var from = int.Parse(string.IsNullOrEmpty(skip) ? "0" : skip, provider: null);
        var page = versions.OrderBy(v => v.Version, StringComparer.Ordinal).Skip(from).Take(PageSize).Select(v => new { kid = Kid(IdOf(v)), attributes = Attributes(v) }).ToList();
        var more = from + PageSize < versions.Count ? NextLink($"https://{Name}:443/keys/{KeyName}/versions?api-version=7.6&$skiptoken={from + PageSize}") : null;
        return new { value = page, nextLink = more };
    }

    private static X509Certificate2 NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stand-in", key, HashAlgorithmName.SHA256);
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    [GeneratedRegex("^/keys/(?<name>[^/]+)(/(?<version>[0-9a-f]{32}))?(/(?<verb>[a-z]+))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Route();
}
