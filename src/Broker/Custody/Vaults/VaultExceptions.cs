namespace TokenBroker.Custody.Vaults;

/// <summary>The vault cannot answer now: it is down, slow, or throttles. It may later.</summary>
/// <param name="message">What happened, for the operator; no secret.</param>
/// <param name="retryAfter">How long the vault asked to be left alone; null where it did not say.</param>
/// <param name="inner">What it came from.</param>
internal sealed class VaultUnavailableException(string message, TimeSpan? retryAfter = null, Exception? inner = null) : Exception(message, inner)
{
    public TimeSpan? RetryAfter => retryAfter;
}

/// <summary>The vault answered that it will not: the key is disabled, access is denied, the credential is wrong. An operator must mend it.</summary>
internal sealed class VaultRefusedException(string message, Exception? inner = null) : Exception(message, inner);
