using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace TokenBroker.Custody.Vaults.Transit;

/// <summary>
/// One version of a Transit key, with AES-256-GCM in the vault. What a wrapped key belongs to goes along as associated
/// data, so that the vault itself unwraps it under nothing else. Of <c>vault:v3:BASE64</c> only the bytes are kept: the
/// version is that of the id beside the record, so that no record can name one here and another there.
/// </summary>
internal sealed class TransitKek(TransitClient client, TransitKeyName name, int version) : IBoundKeyEncryptionKey
{
    public const string Algorithm = "aes256-gcm96";
    private const int Overhead = 12 + 16;
    private const int LongestWrapped = 1024;

    public string KeyId => name.IdOf(version);

    private string Prefix => string.Create(CultureInfo.InvariantCulture, $"vault:v{version}:");

    public async Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        RequireAlgorithm(algorithm);
        var body = BodyOf("{\"plaintext\":\"", key.Span, string.Create(CultureInfo.InvariantCulture, $"\",\"key_version\":{version}"), binding);
        try
        {
            return await client.SendAsync(HttpMethod.Post, name.Operation("encrypt"), body, answer => ReadWrapped(answer, key.Length), cancellationToken);
        }
        catch (TransitClient.BadRequestException exception)
        {
            throw new VaultRefusedException(exception.Message, exception);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(body);
        }
    }

    public async Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, EnvelopeBinding binding, CancellationToken cancellationToken)
    {
        RequireAlgorithm(algorithm);
        if (encryptedKey.Length is <= Overhead or > LongestWrapped)
        {
            throw new CryptographicException($"A wrapped key of {encryptedKey.Length} bytes is none.");
        }

        var body = BodyOf("{\"ciphertext\":\"" + Prefix, encryptedKey.Span, "\"", binding);
        try
        {
            return await client.SendAsync(
                HttpMethod.Post, name.Operation("decrypt"), body,
                answer => Decode(answer.Member("data").Member("plaintext").RawText(), encryptedKey.Length - Overhead), cancellationToken);
        }
        catch (TransitClient.BadRequestException exception) when (exception.Message.Contains("disallowed by policy", StringComparison.Ordinal))
        {
            throw new VaultRefusedException($"{exception.Message} The version {version} of the key '{name.Key}' is below its min_decryption_version.", exception);
        }
        catch (TransitClient.BadRequestException exception) when (exception.Message.Contains("key not found", StringComparison.Ordinal))
        {
            throw new KeyNotFoundException(exception.Message, exception);
        }
        catch (TransitClient.BadRequestException exception)
        {
            throw new CryptographicException(exception.Message, exception);
        }
    }

    public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => throw Unbound(algorithm);

    public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => throw Unbound(algorithm);

    public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => throw Unbound(algorithm);

    public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => throw Unbound(algorithm);

    private static NotSupportedException Unbound(string algorithm) =>
        new($"A Transit key wraps with {Algorithm}, for a binding, and over the network; not with '{algorithm}' alone.");

    private static void RequireAlgorithm(string algorithm)
    {
        if (algorithm != Algorithm)
        {
            throw new NotSupportedException($"A Transit key wraps with {Algorithm} only, not '{algorithm}'.");
        }
    }

    private byte[]? ReadWrapped(JsonElement? answer, int plainLength)
    {
        var ciphertext = answer.Member("data").Member("ciphertext").Text();
        if (ciphertext is null || !ciphertext.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw new VaultRefusedException($"The version {version} of the key '{name.Key}' was asked, and {name.Address.Authority} answered with '{VaultTransport.Quote(ciphertext?[..Math.Min(ciphertext.Length, 12)])}'. Nothing of it was used.");
        }

        return Decode(Encoding.ASCII.GetBytes(ciphertext[Prefix.Length..]), plainLength + Overhead);
    }

    /// <summary>Bytes of exactly the length that the other side of AES-GCM has; null where it is another.</summary>
    private static byte[]? Decode(ReadOnlySpan<byte> base64, int length)
    {
        if (base64.Length != Base64.GetMaxEncodedToUtf8Length(length))
        {
            return null;
        }

        var bytes = GC.AllocateUninitializedArray<byte>(Base64.GetMaxDecodedFromUtf8Length(base64.Length), pinned: true);
        try
        {
            return Base64.DecodeFromUtf8(base64, bytes, out _, out var written) == OperationStatus.Done && written == length ? bytes[..length] : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(bytes);
        }
    }

    /// <summary>The request in memory that can be cleared: the value in base64, what follows it, and the binding.</summary>
    private static byte[] BodyOf(string head, ReadOnlySpan<byte> value, string then, EnvelopeBinding binding)
    {
        var tail = $"{then},\"associated_data\":\"{Convert.ToBase64String(AssociatedData(binding))}\"}}";
        var encoded = Base64.GetMaxEncodedToUtf8Length(value.Length);
        var body = GC.AllocateUninitializedArray<byte>(head.Length + encoded + tail.Length, pinned: true);
        Encoding.ASCII.GetBytes(head, body);
        Base64.EncodeToUtf8(value, body.AsSpan(head.Length), out _, out _);
        Encoding.ASCII.GetBytes(tail, body.AsSpan(head.Length + encoded));
        return body;
    }

    /// <summary>Each part with its length, so that no two bindings read the same.</summary>
    private static byte[] AssociatedData(EnvelopeBinding binding)
    {
        using var data = new MemoryStream();
        data.Write("tokenbroker transit 1"u8);
        Span<byte> length = stackalloc byte[4];
        foreach (var part in (ReadOnlySpan<string>)[binding.Owner, binding.RecordId, binding.Purpose])
        {
            var bytes = Encoding.UTF8.GetBytes(part);
            BinaryPrimitives.WriteInt32BigEndian(length, bytes.Length);
            data.Write(length);
            data.Write(bytes);
        }

        return data.ToArray();
    }
}
