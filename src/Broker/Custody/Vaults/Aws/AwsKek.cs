using System.Security.Cryptography;
using Amazon.KeyManagementService;
using Amazon.KeyManagementService.Model;

namespace TokenBroker.Custody.Vaults.Aws;

/// <summary>
/// One key of AWS KMS, by its ARN. The record's binding is the encryption context, which KMS authenticates and writes to
/// CloudTrail in the clear: it is ids. Decrypt names the key, so that KMS opens nothing that another key sealed, and what
/// the answer names is checked against it.
/// </summary>
internal sealed class AwsKek(IAmazonKeyManagementService kms, string arn) : IBoundKeyEncryptionKey
{
    public const string Algorithm = "SYMMETRIC_DEFAULT";

    public string KeyId => arn;

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        WrapKeyAsync(algorithm, key, cancellationToken).GetAwaiter().GetResult();

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        UnwrapKeyAsync(algorithm, encryptedKey, cancellationToken).GetAwaiter().GetResult();

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        WrapAsync(algorithm, key, null, cancellationToken);

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        UnwrapAsync(algorithm, encryptedKey, null, cancellationToken);

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, EnvelopeBinding binding, CancellationToken cancellationToken) =>
        WrapAsync(algorithm, key, binding, cancellationToken);

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, EnvelopeBinding binding, CancellationToken cancellationToken) =>
        UnwrapAsync(algorithm, encryptedKey, binding, cancellationToken);

    private async Task<byte[]> WrapAsync(string algorithm, ReadOnlyMemory<byte> key, EnvelopeBinding? binding, CancellationToken cancellationToken)
    {
        RequireAlgorithm(algorithm);
        var plain = GC.AllocateUninitializedArray<byte>(key.Length, pinned: true);
        key.CopyTo(plain);
        try
        {
            using var body = new MemoryStream(plain, writable: false);
            var request = new EncryptRequest
            {
                KeyId = arn,
                Plaintext = body,
                EncryptionAlgorithm = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT,
                EncryptionContext = ContextOf(binding),
            };
            var answer = await AwsFailures.AskAsync(() => kms.EncryptAsync(request, cancellationToken));
            RequireThisKey(answer.KeyId);
            return answer.CiphertextBlob.ToArray();
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plain);
        }
    }

    private async Task<byte[]> UnwrapAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, EnvelopeBinding? binding, CancellationToken cancellationToken)
    {
        RequireAlgorithm(algorithm);
        if (encryptedKey.IsEmpty)
        {
            throw new CryptographicException("The wrapped key is empty.");
        }

        using var body = new MemoryStream(encryptedKey.ToArray(), writable: false);
        var request = new DecryptRequest
        {
            KeyId = arn,
            CiphertextBlob = body,
            EncryptionAlgorithm = EncryptionAlgorithmSpec.SYMMETRIC_DEFAULT,
            EncryptionContext = ContextOf(binding),
        };
        var answer = await AwsFailures.AskAsync(() => kms.DecryptAsync(request, cancellationToken));
        using var plain = answer.Plaintext;
        try
        {
            RequireThisKey(answer.KeyId);
            return plain.ToArray();
        }
        finally
        {
            plain.Position = 0;
            plain.Write(new byte[plain.Length]);
        }
    }

    private static Dictionary<string, string> ContextOf(EnvelopeBinding? binding)
    {
        var context = new Dictionary<string, string>(StringComparer.Ordinal) { ["tokenbroker"] = "1" };
        if (binding is { } bound)
        {
            context["tokenbroker:owner"] = bound.Owner;
            context["tokenbroker:record"] = bound.RecordId;
            context["tokenbroker:purpose"] = bound.Purpose;
        }

        return context;
    }

    private void RequireThisKey(string answered)
    {
        if (answered != arn)
        {
            throw new CryptographicException($"AWS KMS answered for the key '{answered}', not for '{arn}'.");
        }
    }

    private static void RequireAlgorithm(string algorithm)
    {
        if (algorithm != Algorithm)
        {
            throw new NotSupportedException($"The AWS KMS vault wraps with {Algorithm} only, not '{algorithm}'.");
        }
    }
}
