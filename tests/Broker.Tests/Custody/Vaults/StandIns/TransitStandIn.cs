using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Vaults.StandIns;

/// <summary>The Transit engine of HashiCorp Vault and OpenBao, as an agent on loopback shows it: namespaces, tokens, versions, associated data.</summary>
/// <remarks>https://developer.hashicorp.com/vault/api-docs/secret/transit</remarks>
public sealed partial class TransitStandIn : VaultStandIn
{
    private const string KeyName = "broker-key";
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly List<byte[]> _versions = [RandomNumberGenerator.GetBytes(32)];
    private int _oldest = 1;

    public string Token { get; set; } = "hvs." + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    public string Namespace => "team-a";

    public string Type { get; set; } = "aes256-gcm96";

    /// <summary>The version that new ciphertexts are of, where that is not the one that was asked for.</summary>
    public int? EncryptsWith { get; set; }

    public string TokenFile { get; } = Path.GetTempFileName();

    public override Dictionary<string, string> Settings => new()
    {
        ["Vault:Provider"] = "transit",
        ["Vault:Transit:Address"] = $"http://127.0.0.1:{Listening.Port}",
        ["Vault:Transit:Mount"] = "keys/transit",
        ["Vault:Transit:Key"] = KeyName,
        ["Vault:Transit:Namespace"] = Namespace,
        ["Vault:Transit:TokenFile"] = TokenFile,
    };

    public static async Task<TransitStandIn> StartAsync()
    {
        var vault = new TransitStandIn();
        await File.WriteAllTextAsync(vault.TokenFile, vault.Token + "\n");
        await vault.StartAsync(_ => { });
        return vault;
    }

    /// <summary>The key is deleted and made again under its name.</summary>
    public void MakeAnew()
    {
        lock (_versions)
        {
            _versions.Clear();
            _versions.Add(RandomNumberGenerator.GetBytes(32));
            _oldest = 1;
        }
    }

    public override void Connect(IServiceCollection services) => services.Replace(ServiceDescriptor.Singleton(_ => VaultTransport.Create()));

    protected override async Task AnswerAsync(HttpContext context)
    {
        var request = context.Request;
        if (request.Headers["X-Vault-Token"] != Token || request.Headers["X-Vault-Namespace"] != Namespace || Faults.TokensExpired)
        {
            await RefuseAsync(context, 403, "", "permission denied");
            return;
        }

        var path = Route().Match(request.Path.Value!);
        if (!path.Success)
        {
            await RefuseAsync(context, 404, "", $"no handler for route \"{request.Path}\". route entry not found.");
            return;
        }

        if (path.Groups["key"].Value != KeyName)
        {
            await (path.Groups["verb"].Value == "keys" ? JsonAsync(context, 404, new { errors = Array.Empty<string>() }) : RefuseAsync(context, 400, "", "encryption key not found"));
            return;
        }

        if (Faults.KeyDisabled)
        {
            await RefuseAsync(context, 403, "", "1 error occurred: * permission denied");
            return;
        }

        var body = request.ContentLength > 0 ? (await JsonDocument.ParseAsync(request.Body)).RootElement : default;
        await OperateAsync(context, $"{request.Method} {path.Groups["verb"].Value}{path.Groups["then"].Value}", body);
    }

    protected override Task RefuseAsync(HttpContext context, int status, string code, string message) => JsonAsync(context, status, new { errors = new[] { message } });

    protected override void CleanUp() => File.Delete(TokenFile);

    private static Task DataAsync(HttpContext context, object data) => JsonAsync(context, 200, new { request_id = Guid.NewGuid(), lease_id = "", renewable = false, data });

    private async Task OperateAsync(HttpContext context, string operation, JsonElement body)
    {
        switch (operation)
        {
            case "GET keys":
                await DataAsync(context, Describe());
                break;
            case "POST keys/rotate":
                lock (_versions)
                {
                    _versions.Add(RandomNumberGenerator.GetBytes(32));
                }

                await DataAsync(context, Describe());
                break;
            case "POST keys/config":
                await ConfigureAsync(context, body.GetProperty("min_decryption_version").GetInt32());
                break;
            case "POST encrypt":
                await EncryptAsync(context, body);
                break;
            case "POST decrypt":
                await DecryptAsync(context, body);
                break;
            default:
                Violations.Enqueue(operation);
                await RefuseAsync(context, 405, "", "unsupported operation");
                break;
        }
    }

    private object Describe()
    {
        lock (_versions)
        {
            return new
            {
                type = Type,
                derived = false,
                deletion_allowed = false,
                exportable = false,
                latest_version = _versions.Count,
                min_available_version = 0,
                min_decryption_version = _oldest,
                min_encryption_version = 0,
                name = KeyName,
                supports_encryption = true,
                supports_decryption = true,
                keys = Enumerable.Range(_oldest, _versions.Count - _oldest + 1).ToDictionary(n => n.ToString(CultureInfo.InvariantCulture), n => 1_700_000_000 + n),
            };
        }
    }

    private async Task ConfigureAsync(HttpContext context, int oldest)
    {
        if (oldest > _versions.Count)
        {
            await RefuseAsync(context, 400, "", $"cannot set min decryption version of {oldest}, latest key version is {_versions.Count}");
            return;
        }

        _oldest = oldest;
        await DataAsync(context, Describe());
    }

    private async Task EncryptAsync(HttpContext context, JsonElement body)
    {
        var version = EncryptsWith ?? (body.TryGetProperty("key_version", out var asked) ? asked.GetInt32() : _versions.Count);
        if (!body.TryGetProperty("key_version", out _) || !body.TryGetProperty("associated_data", out _))
        {
            Violations.Enqueue("Encrypted without a version or associated data.");
        }

        if (version < 1 || version > _versions.Count)
        {
            await RefuseAsync(context, 400, "", "requested version for encryption is higher than the latest key version");
            return;
        }

        var plain = body.GetProperty("plaintext").GetBytesFromBase64();
        var sealedBytes = new byte[NonceSize + plain.Length + TagSize];
        RandomNumberGenerator.Fill(sealedBytes.AsSpan(0, NonceSize));
        using var aes = new AesGcm(_versions[version - 1], TagSize);
        aes.Encrypt(sealedBytes.AsSpan(0, NonceSize), plain, sealedBytes.AsSpan(NonceSize, plain.Length), sealedBytes.AsSpan(NonceSize + plain.Length), AssociatedData(body));
        await DataAsync(context, new { ciphertext = Faults.Garbage ?? $"vault:v{version}:{Convert.ToBase64String(sealedBytes)}", key_version = version });
    }

    private async Task DecryptAsync(HttpContext context, JsonElement body)
    {
        var ciphertext = Ciphertext().Match(body.GetProperty("ciphertext").GetString()!);
        var version = ciphertext.Success ? int.Parse(ciphertext.Groups["version"].Value, CultureInfo.InvariantCulture) : 0;
        if (version == 0 || version > _versions.Count)
        {
            await RefuseAsync(context, 400, "", version == 0 ? "invalid ciphertext: no prefix" : "invalid ciphertext: version is too new");
            return;
        }

        if (version < _oldest)
        {
            await RefuseAsync(context, 400, "", "ciphertext or signature version is disallowed by policy (too old)");
            return;
        }

        var bytes = Convert.FromBase64String(ciphertext.Groups["base64"].Value);
        var plain = new byte[bytes.Length - NonceSize - TagSize];
        try
        {
            using var aes = new AesGcm(_versions[version - 1], TagSize);
            aes.Decrypt(bytes.AsSpan(0, NonceSize), bytes.AsSpan(NonceSize, plain.Length), bytes.AsSpan(NonceSize + plain.Length), plain, AssociatedData(body));
        }
        catch (CryptographicException)
        {
            await RefuseAsync(context, 400, "", "cipher: message authentication failed");
            return;
        }

        await DataAsync(context, new { plaintext = Faults.Garbage ?? Convert.ToBase64String(plain) });
    }

    private static byte[] AssociatedData(JsonElement body) => body.TryGetProperty("associated_data", out var data) ? data.GetBytesFromBase64() : [];

    [GeneratedRegex("^/v1/keys/transit/(?<verb>keys|encrypt|decrypt)/(?<key>[^/]+)(?<then>/(rotate|config))?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Route();

    [GeneratedRegex("^vault:v(?<version>[1-9][0-9]{0,8}):(?<base64>.+)$", RegexOptions.ExplicitCapture)]
    private static partial Regex Ciphertext();
}
