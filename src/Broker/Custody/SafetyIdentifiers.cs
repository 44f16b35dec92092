using System.Buffers.Text;
using System.Security.Cryptography;

namespace TokenBroker.Custody;

/// <summary>
/// Names a person to providers without saying who they are: the HMAC-SHA256 of their id under a random secret of the
/// broker. It is the same in every app and after every restart, so that a provider that sees abuse can stop the one
/// person; and nobody without the secret, the provider included, can tell whose it is or try addresses against it.
/// </summary>
internal sealed class SafetyIdentifiers(IServiceScopeFactory scopes, Envelopes envelopes, TimeProvider time) : IDisposable
{
    private readonly RootSecret _root = new(new Guid("00000000-0000-7000-8000-000000000002"), "identifier", scopes, envelopes, time);

    /// <returns>43 characters of base64url.</returns>
    public async ValueTask<string> OfAsync(Guid userId, CancellationToken cancellationToken)
    {
        var secret = await _root.GetAsync(cancellationToken);
        return secret.Reveal(key =>
        {
            Span<byte> id = stackalloc byte[16];
            userId.TryWriteBytes(id, bigEndian: true, out _);
            Span<byte> hash = stackalloc byte[HMACSHA256.HashSizeInBytes];
            HMACSHA256.HashData(key, id, hash);
            return Base64Url.EncodeToString(hash);
        });
    }

    /// <summary>Opens the secret, and makes it first where there is none.</summary>
    public async Task<Secret> OpenAsync(CancellationToken cancellationToken) => await _root.GetAsync(cancellationToken);

    public void Dispose() => _root.Dispose();
}
