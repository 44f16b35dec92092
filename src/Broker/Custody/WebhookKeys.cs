using System.Security.Cryptography;

namespace TokenBroker.Custody;

/// <summary>
/// The keys by which payment providers sign what they send (Standard Webhooks). A signature can only be checked by who has
/// its key, so that a hash would not do; and none is stored: each is the HMAC-SHA256 of its id under a random secret of
/// the broker, which is sealed like every other. Who has the database alone can sign nothing.
/// </summary>
internal sealed class WebhookKeys(IServiceScopeFactory scopes, Envelopes envelopes, TimeProvider time) : IDisposable
{
    private readonly RootSecret _root = new(new Guid("00000000-0000-7000-8000-000000000003"), "webhooks", scopes, envelopes, time);

    /// <summary>The key as it is shown once: <c>whsec_</c> and base64.</summary>
    public async Task<string> ShowAsync(Guid id, CancellationToken cancellationToken)
    {
        var key = await KeyAsync(id, cancellationToken);
        var text = "whsec_" + Convert.ToBase64String(key);
        CryptographicOperations.ZeroMemory(key);
        return text;
    }

    /// <summary>The HMAC-SHA256 of a message under a key.</summary>
    public async Task<byte[]> SignAsync(Guid id, ReadOnlyMemory<byte> message, CancellationToken cancellationToken)
    {
        var key = await KeyAsync(id, cancellationToken);
        var signature = HMACSHA256.HashData(key, message.Span);
        CryptographicOperations.ZeroMemory(key);
        return signature;
    }

    public void Dispose() => _root.Dispose();

    private async Task<byte[]> KeyAsync(Guid id, CancellationToken cancellationToken) =>
        (await _root.GetAsync(cancellationToken)).Reveal(root => HMACSHA256.HashData(root, id.ToByteArray(bigEndian: true)));
}
