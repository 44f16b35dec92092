using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace TokenBroker.Tests.Custody.Vaults.Aws;

/// <summary>An error as KMS names it.</summary>
internal sealed class KmsError(string type, string message, int status = 400) : Exception(message)
{
    public string Type => type;

    public int Status => status;
}

/// <summary>A key of the stand-in. Real AES-GCM, under material that nothing outside sees.</summary>
internal sealed class KmsKey(string arn, DateTimeOffset createdAt)
{
    private const int NonceSize = 12;
    private const int TagSize = 16;
    private readonly byte[] _material = RandomNumberGenerator.GetBytes(32);

    public string Arn => arn;

    public string Id => arn[(arn.LastIndexOf('/') + 1)..];

    public string State { get; set; } = "Enabled";

    public string Spec { get; set; } = "SYMMETRIC_DEFAULT";

    public string Usage { get; set; } = "ENCRYPT_DECRYPT";

    public string Origin { get; set; } = "AWS_KMS";

    public bool MultiRegion { get; set; }

    public string Policy { get; set; } = """{"Version":"2012-10-17","Statement":[]}""";

    public string Description { get; set; } = "";

    public JsonObject Metadata() => new()
    {
        ["AWSAccountId"] = KmsStandIn.Account,
        ["KeyId"] = Id,
        [nameof(Arn)] = arn,
        ["CreationDate"] = createdAt.ToUnixTimeMilliseconds() / 1000.0,
        ["Enabled"] = State == "Enabled",
        [nameof(Description)] = Description,
        ["KeyUsage"] = Usage,
        ["KeyState"] = State,
        [nameof(Origin)] = Origin,
        ["KeyManager"] = "CUSTOMER",
        ["KeySpec"] = Spec,
        ["CustomerMasterKeySpec"] = Spec,
        ["EncryptionAlgorithms"] = new JsonArray("SYMMETRIC_DEFAULT"),
        [nameof(MultiRegion)] = MultiRegion,
    };

    public void RequireEnabled()
    {
        if (State == "Disabled")
        {
            throw new KmsError("DisabledException", $"{arn} is disabled.");
        }

        if (State != "Enabled")
        {
            throw new KmsError("KMSInvalidStateException", $"{arn} is pending deletion.");
        }

        if (Usage != "ENCRYPT_DECRYPT" || Spec != "SYMMETRIC_DEFAULT")
        {
            throw new KmsError("InvalidKeyUsageException", $"{arn} key usage is {Usage} which is not valid for this operation.");
        }
    }

    public byte[] Encrypt(byte[] plain, JsonObject? context)
    {
        var head = Encoding.ASCII.GetBytes(Id);
        var blob = new byte[head.Length + NonceSize + plain.Length + TagSize];
        head.CopyTo(blob, 0);
        var nonce = blob.AsSpan(head.Length, NonceSize);
        RandomNumberGenerator.Fill(nonce);
        using var aes = new AesGcm(_material, TagSize);
        aes.Encrypt(nonce, plain, blob.AsSpan(head.Length + NonceSize, plain.Length), blob.AsSpan(blob.Length - TagSize), Canonical(context));
        return blob;
    }

    public byte[] Decrypt(byte[] blob, JsonObject? context)
    {
        try
        {
            var body = blob.AsSpan(Id.Length);
            var plain = new byte[body.Length - NonceSize - TagSize];
            using var aes = new AesGcm(_material, TagSize);
            aes.Decrypt(body[..NonceSize], body[NonceSize..^TagSize], body[^TagSize..], plain, Canonical(context));
            return plain;
        }
        catch (Exception exception) when (exception is CryptographicException or OverflowException or ArgumentException)
        {
            // The ciphertext was changed, or the encryption context is not the one: KMS does not say which.
            throw new KmsError("InvalidCiphertextException", "");
        }
    }

    private static byte[] Canonical(JsonObject? context) => Encoding.UTF8.GetBytes(string.Concat(
        (context ?? []).OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key.Length}:{pair.Key}{pair.Value!.ToString().Length}:{pair.Value}")));
}

/// <summary>What the stand-in does wrong, and for how long.</summary>
internal sealed class KmsFaults
{
    private int _throttles;

    /// <summary>Connections are cut without an answer.</summary>
    public bool Down { get; set; }

    /// <summary>Every answer waits for this.</summary>
    public Task Gate { get; set; } = Task.CompletedTask;

    /// <summary>Every answer is this error: its type, and the status.</summary>
    public (string Type, int Status)? Error { get; set; }

    /// <summary>Every answer to Encrypt and Decrypt names this key, whichever it used.</summary>
    public string? NamesKey { get; set; }

    /// <summary>So many calls are throttled, and then no more.</summary>
    public void Throttle(int calls) => Volatile.Write(ref _throttles, calls);

    public bool TakeThrottle() => Volatile.Read(ref _throttles) > 0 && Interlocked.Decrement(ref _throttles) >= 0;
}
