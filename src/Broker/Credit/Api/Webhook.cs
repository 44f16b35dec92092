using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using TokenBroker.Custody;

namespace TokenBroker.Credit.Api;

/// <summary>
/// Checks what a payment provider sends, as Standard Webhooks has it: the HMAC-SHA256 over id, time and body, byte for
/// byte, under the secret's signing key; a time that is neither old nor to come. The id is the key of idempotency, so that
/// what is sent twice, or recorded and sent again within the tolerance, is posted once.
/// </summary>
internal sealed class Webhook(WebhookKeys keys, CreditSecrets secrets, IOptions<CreditOptions> options, TimeProvider time)
{
    private const string Version = "v1,";
    private const int MostSignatures = 10;

    /// <param name="id">The secret that the address names.</param>
    /// <param name="headers">With the three of the standard.</param>
    /// <param name="body">As it came.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>The secret and the event's id; null for everything that is not signed, now, by a secret that works.</returns>
    /// <inheritdoc cref="Custody.Vaults.IKeyVault" path="/remarks"/>
    public async Task<(CreditSecret Secret, string EventId)?> CheckAsync(Guid id, IHeaderDictionary headers, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        if (headers["webhook-id"] is not [{ Length: > 0 and <= 200 } eventId]
            || headers["webhook-timestamp"] is not [{ } timestamp]
            || headers["webhook-signature"] is not [{ Length: <= 2_000 } signatures]
            || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            || Math.Abs(time.GetUtcNow().ToUnixTimeSeconds() - seconds) > (long)options.Value.WebhookTolerance.TotalSeconds)
        {
            return null;
        }

        byte[] message = [.. Encoding.UTF8.GetBytes($"{eventId}.{timestamp}."), .. body.Span];
        var expected = await keys.SignAsync(id, message, cancellationToken);
        var isSigned = false;
        foreach (var signature in signatures.Split(' ', MostSignatures + 1, StringSplitOptions.RemoveEmptyEntries).Take(MostSignatures))
        {
            var given = new byte[expected.Length];
            isSigned |= signature.StartsWith(Version, StringComparison.Ordinal)
                && Convert.TryFromBase64String(signature[Version.Length..], given, out var length)
                && length == expected.Length
                && CryptographicOperations.FixedTimeEquals(given, expected);
        }

        if (!isSigned || await secrets.FindAsync(id, cancellationToken) is not { } secret)
        {
            return null;
        }

        await secrets.UseAsync(secret, cancellationToken);
        return (secret, eventId);
    }
}
