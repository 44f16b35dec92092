using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Nodes;
using Amazon.Runtime;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using TokenBroker.Custody.Vaults.Aws;

namespace TokenBroker.Tests.Custody.Vaults.Aws;

/// <summary>
/// AWS KMS for the tests: real HTTP on loopback, its JSON 1.1 protocol, its signatures, its errors, of those operations that
/// the broker uses. It refuses what KMS refuses; <see cref="Faults"/> is the switchboard of what goes wrong.
/// </summary>
internal sealed class KmsStandIn : IAsyncDisposable
{
    public const string Region = "eu-central-1";
    public const string Account = "111122223333";
    public const string AccessKeyId = "AKIAIOSFODNN7EXAMPLE";
    public const string AliasName = "alias/tokenbroker";
    private const string ExpiredToken = "expired";
    private static readonly string Arns = $"arn:aws:kms:{Region}:{Account}:";
    private static readonly string SecretKey = Convert.ToBase64String(RandomNumberGenerator.GetBytes(30));

    private readonly WebApplication _app;
    private readonly SigV4 _signatures;
    private readonly ConcurrentDictionary<string, KmsKey> _keys = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _aliases = new(StringComparer.Ordinal);

    static KmsStandIn()
    {
        // The SDK's default chain finds these first. The values are the stand-in's own, in this process alone.
        Environment.SetEnvironmentVariable("AWS_ACCESS_KEY_ID", AccessKeyId);
        Environment.SetEnvironmentVariable("AWS_SECRET_ACCESS_KEY", SecretKey);
        Environment.SetEnvironmentVariable("AWS_EC2_METADATA_DISABLED", "true");
    }

    private KmsStandIn(WebApplication app)
    {
        _app = app;
        _signatures = new SigV4(Region, accessKey => accessKey == AccessKeyId ? SecretKey : null, () => TimeProvider.System.GetUtcNow() + Skew);
        _app.Run(AnswerAsync);
        _aliases[AliasName] = NewKey().Id;
    }

    public static AWSCredentials Credentials => new BasicAWSCredentials(AccessKeyId, SecretKey);

    public static AWSCredentials WrongSecret => new BasicAWSCredentials(AccessKeyId, "wrong");

    public static AWSCredentials UnknownUser => new BasicAWSCredentials("AKIAUNKNOWN", SecretKey);

    public static AWSCredentials Expired => new SessionAWSCredentials(AccessKeyId, SecretKey, ExpiredToken);

    public static string ConfiguredArn => Arns + AliasName;

    public KmsFaults Faults { get; } = new();

    /// <summary>How far its clock is ahead.</summary>
    public TimeSpan Skew { get; set; }

    /// <summary>What it was asked, faults included: the operation's name, in order.</summary>
    public ConcurrentQueue<string> Asked { get; } = new();

    /// <summary>The encryption contexts that it saw.</summary>
    public ConcurrentQueue<string> Contexts { get; } = new();

    public string Url => _app.Urls.First();

    public KmsKey Current => _keys[_aliases[AliasName]];

    public static async Task<KmsStandIn> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder(["--urls", "http://127.0.0.1:0"]);
        builder.Logging.ClearProviders();
        var standIn = new KmsStandIn(builder.Build());
        await standIn._app.StartAsync();
        return standIn;
    }

    public AwsVault Vault(AWSCredentials? credentials = null, string? keyId = null, string? url = null) => AwsVault.Create(
        new AwsOptions { KeyId = keyId ?? ConfiguredArn, ServiceUrl = url ?? Url }, TimeSpan.FromSeconds(10), credentials ?? Credentials);

    public Dictionary<string, string> Settings() => new()
    {
        ["Vault:Provider"] = "aws-kms",
        ["Vault:Aws:KeyId"] = ConfiguredArn,
        ["Vault:Aws:ServiceUrl"] = Url,
    };

    public KmsKey NewKey()
    {
        var key = new KmsKey($"{Arns}key/{Guid.NewGuid()}", TimeProvider.System.GetUtcNow());
        return _keys[key.Id] = key;
    }

    public KmsKey Key(string id) => _keys[id[(id.LastIndexOf('/') + 1)..]];

    public void PointAlias(KmsKey key, string name = AliasName) => _aliases[name] = key.Id;

    public async ValueTask DisposeAsync()
    {
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        using var received = new MemoryStream();
        await http.Request.Body.CopyToAsync(received);
        var operation = http.Request.Headers["X-Amz-Target"].ToString().Split('.')[^1];
        Asked.Enqueue(operation);
        await Faults.Gate.WaitAsync(http.RequestAborted);
        if (Faults.Down)
        {
            http.Abort();
            return;
        }

        try
        {
            await WriteAsync(http, 200, Answer(http.Request, received.ToArray()));
        }
        catch (KmsError error)
        {
            await WriteAsync(http, error.Status, new JsonObject { ["__type"] = error.Type, ["message"] = error.Message });
        }
    }

    private JsonObject Answer(HttpRequest request, byte[] body)
    {
        if (Faults.Error is { } fault)
        {
            throw new KmsError(fault.Type, "The stand-in was told to.", fault.Status);
        }

        if (Faults.TakeThrottle())
        {
            throw new KmsError("ThrottlingException", "You have exceeded the rate at which you may call KMS.");
        }

        if (_signatures.Refuse(request, body) is { } refusal)
        {
            throw new KmsError(refusal.Error, refusal.Message);
        }

        if (request.Headers["X-Amz-Security-Token"] == ExpiredToken)
        {
            throw new KmsError("ExpiredTokenException", "The security token included in the request is expired");
        }

        if (request.Method != "POST" || request.Path != "/" || request.ContentType != "application/x-amz-json-1.1")
        {
            throw new KmsError("UnknownOperationException", $"{request.Method} {request.Path} {request.ContentType}");
        }

        var asked = JsonSerializer.Deserialize<JsonObject>(body)!;
        return request.Headers["X-Amz-Target"].ToString() switch
        {
            "TrentService.Encrypt" => Encrypt(asked),
            "TrentService.Decrypt" => Decrypt(asked),
            "TrentService.DescribeKey" => new() { ["KeyMetadata"] = Find(asked, "KeyId", aliases: true).Metadata() },
            "TrentService.GetKeyPolicy" => new() { ["Policy"] = Find(asked, "KeyId").Policy, ["PolicyName"] = "default" },
            "TrentService.CreateKey" => CreateKey(asked),
            "TrentService.CreateAlias" => CreateAlias(asked),
            "TrentService.UpdateAlias" => UpdateAlias(asked),
            "TrentService.ListAliases" => ListAliases(asked),
            "TrentService.DisableKey" => DisableKey(asked),
            _ => throw new KmsError("UnknownOperationException", ""),
        };
    }

    private JsonObject Encrypt(JsonObject asked)
    {
        var key = Find(asked, "KeyId", aliases: true);
        key.RequireEnabled();
        RequireAlgorithm(asked);
        return new()
        {
            ["CiphertextBlob"] = Convert.ToBase64String(key.Encrypt(Bytes(asked, "Plaintext"), Context(asked))),
            ["KeyId"] = Faults.NamesKey ?? key.Arn,
            ["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT",
        };
    }

    private JsonObject Decrypt(JsonObject asked)
    {
        var blob = Bytes(asked, "CiphertextBlob");
        RequireAlgorithm(asked);
        var named = asked["KeyId"] is null ? null : Find(asked, "KeyId", aliases: true);
        named?.RequireEnabled();
        var wrappedBy = blob.Length > 36 && _keys.TryGetValue(System.Text.Encoding.ASCII.GetString(blob, 0, 36), out var key)
            ? key
            : throw new KmsError("InvalidCiphertextException", "");
        if (named is not null && named != wrappedBy)
        {
            throw new KmsError("IncorrectKeyException", "The key ID in the request does not identify a CMK that can perform this operation.");
        }

        wrappedBy.RequireEnabled();
        return new()
        {
            ["Plaintext"] = Convert.ToBase64String(wrappedBy.Decrypt(blob, Context(asked))),
            ["KeyId"] = Faults.NamesKey ?? wrappedBy.Arn,
            ["EncryptionAlgorithm"] = "SYMMETRIC_DEFAULT",
        };
    }

    private JsonObject CreateKey(JsonObject asked)
    {
        var key = NewKey();
        (key.Spec, key.Usage, key.Origin) = (Text(asked, "KeySpec") ?? key.Spec, Text(asked, "KeyUsage") ?? key.Usage, Text(asked, "Origin") ?? key.Origin);
        (key.Policy, key.Description, key.MultiRegion) = (Text(asked, "Policy") ?? key.Policy, Text(asked, "Description") ?? "", asked["MultiRegion"]?.GetValue<bool>() == true);
        return new() { ["KeyMetadata"] = key.Metadata() };
    }

    private JsonObject CreateAlias(JsonObject asked)
    {
        var name = Alias(asked);
        return _aliases.TryAdd(name, Find(asked, "TargetKeyId").Id) ? [] : throw new KmsError("AlreadyExistsException", $"An alias with the name {Arns}{name} already exists");
    }

    private JsonObject UpdateAlias(JsonObject asked)
    {
        var name = Alias(asked);
        var key = Find(asked, "TargetKeyId");
        if (!_aliases.TryGetValue(name, out var before))
        {
            throw new KmsError("NotFoundException", $"Alias {Arns}{name} is not found.");
        }

        // The developer guide: the new key must be of the same type and usage.
        if (_keys[before].Usage != key.Usage || (_keys[before].Spec == "SYMMETRIC_DEFAULT") != (key.Spec == "SYMMETRIC_DEFAULT"))
        {
            throw new KmsError("ValidationException", "The current and new key must be the same type and usage.");
        }

        _aliases[name] = key.Id;
        return [];
    }

    /// <summary>Two at a time, so that pages are read.</summary>
    private JsonObject ListAliases(JsonObject asked)
    {
        var after = Text(asked, "Marker");
        var rest = _aliases.OrderBy(pair => pair.Key, StringComparer.Ordinal).SkipWhile(pair => after is not null && string.CompareOrdinal(pair.Key, after) <= 0).ToList();
        var page = new JsonObject
        {
            ["Aliases"] = new JsonArray([.. rest.Take(2).Select(pair => new JsonObject { ["AliasName"] = pair.Key, ["AliasArn"] = Arns + pair.Key, ["TargetKeyId"] = pair.Value })]),
            ["Truncated"] = rest.Count > 2,
        };
        if (rest.Count > 2)
        {
            page["NextMarker"] = rest[1].Key;
        }

        return page;
    }

    private JsonObject DisableKey(JsonObject asked)
    {
        Find(asked, "KeyId").State = "Disabled";
        return [];
    }

    private KmsKey Find(JsonObject asked, string member, bool aliases = false)
    {
        var id = Text(asked, member) ?? throw new KmsError("ValidationException", $"{member} must not be null");
        var name = id.StartsWith(Arns, StringComparison.Ordinal) ? id[Arns.Length..] : id;
        if (name.StartsWith("alias/", StringComparison.Ordinal))
        {
            return aliases && _aliases.TryGetValue(name, out var target) ? _keys[target] : throw new KmsError("NotFoundException", $"Alias {Arns}{name} is not found.");
        }

        return _keys.TryGetValue(name.StartsWith("key/", StringComparison.Ordinal) ? name[4..] : name, out var key)
            ? key
            : throw new KmsError("NotFoundException", $"Key '{Arns}{name}' does not exist");
    }

    private JsonObject? Context(JsonObject asked)
    {
        var context = asked["EncryptionContext"] as JsonObject;
        Contexts.Enqueue(context?.ToJsonString() ?? "");
        return context;
    }

    private static string Alias(JsonObject asked) => Text(asked, "AliasName") is { } name && name.StartsWith("alias/", StringComparison.Ordinal) && !name.StartsWith("alias/aws/", StringComparison.Ordinal)
        ? name
        : throw new KmsError("InvalidAliasNameException", "Alias must start with the prefix \"alias/\".");

    private static void RequireAlgorithm(JsonObject asked)
    {
        if (Text(asked, "EncryptionAlgorithm") is not (null or "SYMMETRIC_DEFAULT"))
        {
            throw new KmsError("ValidationException", "The encryption algorithm is not one of this key's.");
        }
    }

    private static byte[] Bytes(JsonObject asked, string member) =>
        Text(asked, member) is { Length: > 0 } text ? Convert.FromBase64String(text) : throw new KmsError("ValidationException", $"{member} must not be empty");

    private static string? Text(JsonObject asked, string member) => asked[member]?.GetValue<string>();

    private static async Task WriteAsync(HttpContext http, int status, JsonObject body)
    {
        var bytes = JsonSerializer.SerializeToUtf8Bytes(body);
        http.Response.StatusCode = status;
        http.Response.ContentType = "application/x-amz-json-1.1";
        http.Response.ContentLength = bytes.Length;
        http.Response.Headers["x-amzn-RequestId"] = Guid.NewGuid().ToString();
        await http.Response.Body.WriteAsync(bytes);
    }
}
