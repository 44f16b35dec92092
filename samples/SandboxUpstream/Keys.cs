using System.Collections.Concurrent;
using Microsoft.Extensions.Primitives;

namespace TokenBroker.Samples.SandboxUpstream;

/// <summary>How the sandbox treats a key.</summary>
public enum KeyBehaviour
{
    /// <summary>Everything works.</summary>
    Accepted,

    /// <summary>401 everywhere. By convention: the key contains <c>-revoked-</c>.</summary>
    Revoked,

    /// <summary>The models cannot be listed (403), inference works. By convention: the key contains <c>-restricted-</c>.</summary>
    Restricted,

    /// <summary>Inference gets 429 insufficient_quota, the models can be listed. By convention: the key contains <c>-quota-</c>.</summary>
    OverQuota,
}

/// <summary>
/// Which keys the sandbox takes. Any text of the provider's shape is a good key (<c>sk-</c>, at least 20 characters of
/// letters, digits, <c>-</c> and <c>_</c>); a test can set how single ones behave, and change it while calls run.
/// </summary>
public sealed class Keys
{
    private const int ShortestKey = 20;

    private readonly ConcurrentDictionary<string, KeyBehaviour> behaviours = new(StringComparer.Ordinal);

    /// <summary>From now on <paramref name="key"/> behaves so, whatever its text says.</summary>
    public void Set(string key, KeyBehaviour behaviour) => behaviours[key] = behaviour;

    /// <summary>Forgets what was set; the conventions hold again.</summary>
    public void Clear() => behaviours.Clear();

    internal KeyBehaviour Of(string key)
    {
        if (behaviours.TryGetValue(key, out var set))
        {
            return set;
        }

        if (!IsWellFormed(key) || key.Contains("-revoked-", StringComparison.Ordinal))
        {
            return KeyBehaviour.Revoked;
        }

        if (key.Contains("-restricted-", StringComparison.Ordinal))
        {
            return KeyBehaviour.Restricted;
        }

        return key.Contains("-quota-", StringComparison.Ordinal) ? KeyBehaviour.OverQuota : KeyBehaviour.Accepted;
    }

    /// <summary>The bearer key of a single Authorization header; null when there is none, or more than one.</summary>
    internal static string? Bearer(StringValues authorization)
    {
        const string scheme = "Bearer ";
        return authorization is [{ } value] && value.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) && value.Length > scheme.Length
            ? value[scheme.Length..]
            : null;
    }

    /// <summary>The key as the provider quotes it in an error: the first eight characters, stars, the last four.</summary>
    internal static string Quote(string key) => key.Length switch
    {
        < 8 => key,
        <= 12 => $"{key[..2]}{new string('*', key.Length - 6)}{key[^4..]}",
        _ => $"{key[..8]}{new string('*', key.Length - 12)}{key[^4..]}",
    };

    private static bool IsWellFormed(string key) =>
        key.Length >= ShortestKey
        && key.StartsWith("sk-", StringComparison.Ordinal)
        && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');
}
