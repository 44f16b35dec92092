using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using Azure.Core;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// One version of a key in Key Vault or Managed HSM, which wraps and unwraps there. The Azure SDK's own
/// <c>CryptographyClient</c> (Azure.Security.KeyVault.Keys) has this very interface and could stand here.
/// </summary>
internal sealed class AzureKek(AzureKeyClient client, AzureKeyName name, AzureKeyKind kind, string keyId) : IKeyEncryptionKey
{
    public string KeyId => keyId;

    public async Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default)
    {
        try
        {
            var wrapped = await AskAsync("wrapkey", algorithm, key, cancellationToken);
            return wrapped.Length >= key.Length + kind.Overhead
                ? wrapped
                : throw new VaultUnavailableException($"{name.Host} answered with {wrapped.Length} bytes for a wrapped key, which are too few; they were not used.");
        }
        catch (AzureKeyClient.BadRequestException exception)
        {
            throw new VaultRefusedException(exception.Message, exception);
        }
    }

    public async Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default)
    {
        try
        {
            return await AskAsync("unwrapkey", algorithm, encryptedKey, cancellationToken);
        }
        catch (AzureKeyClient.BadRequestException exception)
        {
            throw new CryptographicException(exception.Message, exception);
        }
    }

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("Key Vault is asked over the network: use WrapKeyAsync.");

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException("Key Vault is asked over the network: use UnwrapKeyAsync.");

    private async Task<byte[]> AskAsync(string verb, string algorithm, ReadOnlyMemory<byte> value, CancellationToken cancellationToken)
    {
        if (algorithm != kind.Algorithm)
        {
            throw new NotSupportedException($"A vault of the kind {kind.Kind} wraps with {kind.Algorithm} only, not '{algorithm}'.");
        }

        if (value.IsEmpty || value.Length > AzureKeyKind.LongestWrapped)
        {
            throw new CryptographicException($"A key of {value.Length} bytes is none.");
        }

        var body = BodyOf(value.Span);
        try
        {
            return await client.SendAsync(RequestMethod.Post, name.Operation(keyId, verb), body, Read, cancellationToken);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(body);
        }
    }

    private byte[]? Read(JsonElement? answer)
    {
        var by = answer.Member("kid").Text();
        if (by != keyId)
        {
            throw new VaultRefusedException($"{keyId} was asked, and '{VaultTransport.Quote(by)}' answered; write Vault:Azure:KeyId as the vault spells it. Nothing of the answer was used.");
        }

        var value = answer.Member("value").RawText();
        if (value.IsEmpty || value.Length > AzureKeyKind.LongestWrapped * 2 || !Base64Url.IsValid(value, out var length) || length is 0 or > AzureKeyKind.LongestWrapped)
        {
            return null;
        }

        var bytes = GC.AllocateUninitializedArray<byte>(length, pinned: true);
        return Base64Url.DecodeFromUtf8(value, bytes, out _, out var written) == OperationStatus.Done && written == length ? bytes : null;
    }

    /// <summary><c>{"alg":"...","value":"base64url"}</c>, in memory that can be cleared.</summary>
    private byte[] BodyOf(ReadOnlySpan<byte> value)
    {
        var head = System.Text.Encoding.ASCII.GetBytes($$"""{"alg":"{{kind.Algorithm}}","value":" """.TrimEnd());
        var encoded = Base64Url.GetEncodedLength(value.Length);
        var body = GC.AllocateUninitializedArray<byte>(head.Length + encoded + 2, pinned: true);
        head.CopyTo(body, 0);
        Base64Url.EncodeToUtf8(value, body.AsSpan(head.Length));
        "\"}"u8.CopyTo(body.AsSpan(head.Length + encoded));
        return body;
    }
}
