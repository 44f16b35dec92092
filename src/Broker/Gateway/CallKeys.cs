using System.Security.Cryptography;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Gateway;

/// <summary>
/// Opens the key of a call, and says in the gateway's words why it stays closed: for a moment, since the vault does not
/// answer, or until the user replaces it.
/// </summary>
internal sealed class CallKeys(OpenKeys keys, ILogger<CallKeys> logger)
{
    /// <summary>As long as an operator takes to notice.</summary>
    private static readonly TimeSpan AfterRefusal = TimeSpan.FromSeconds(30);

    /// <returns>The key as a header needs it, or the refusal.</returns>
    public ValueTask<(string? Text, GatewayError? Refusal)> OpenAsync(Call call, CancellationToken cancellationToken) => OpenAsync(call.Key, cancellationToken);

    /// <inheritdoc cref="OpenAsync(Call, CancellationToken)"/>
    public async ValueTask<(string? Text, GatewayError? Refusal)> OpenAsync(KeyUse key, CancellationToken cancellationToken)
    {
        try
        {
            var text = await keys.RevealAsync(key, cancellationToken);
            return text is not null ? (text, null) : (null, key.IsSponsors ? GatewayError.SponsorKeyWithdrawn : key.Carrier is null ? GatewayError.KeyRemoved : GatewayError.KeyNotCarried);
        }
        catch (VaultUnavailableException exception)
        {
            return (null, GatewayError.VaultUnavailable(exception.RetryAfter));
        }
        catch (VaultRefusedException exception)
        {
            logger.LogError("The vault refuses to unwrap: {Reason}", exception.Message);
            return (null, GatewayError.VaultUnavailable(AfterRefusal));
        }
        catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException)
        {
            logger.LogError("Key {KeyId} cannot be opened: {Reason}", key.Id, exception.Message);
            return (null, GatewayError.KeyUnreadable);
        }
    }
}
