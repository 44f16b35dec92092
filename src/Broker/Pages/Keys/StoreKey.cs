using System.Text;
using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Keys;

/// <summary>What became of a key that was entered: stored with a finding, or a complaint for the form.</summary>
internal sealed record StoredKey(UpstreamKey? Key, KeyFinding? Finding, string? Complaint);

/// <summary>
/// Takes a key from a form: looks at its shape, asks the provider about it by a free call, seals it and stores it. A
/// key that the provider does not know is not stored; one that may not list models, or could not be asked about, is.
/// The key is text only in the header that the provider is asked with.
/// </summary>
internal sealed class StoreKey(BrokerDbContext db, UpstreamKeys keys, OpenKeys openKeys, KeyCheck check, AuditLog audit)
{
    private const int MostKeys = 20;
    private const int ShortestKey = 16;
    private const int LongestKey = 512;
    private const int LongestLabel = 80;

    public const string NameLooksLikeAKey = "The name looks like a key. Names are shown and stored as they are: give another.";

    private static readonly StoredKey TooMany = new(null, null, $"You have {MostKeys} keys, the most that one account keeps. Delete one first.");

    private static readonly StoredKey NoVault = new(null, null, "The vault of this broker does not answer, so the key could not be sealed. Nothing was stored. Try again in a minute.");

    /// <summary>Looks at a key that is not to be stored, and asks the provider about it.</summary>
    /// <returns>The key, or the complaint for the form.</returns>
    public async Task<(Secret? Key, string? Complaint)> CheckAsync(Upstream upstream, Secret posted, CancellationToken cancellationToken)
    {
        var secret = Trimmed(posted);
        var complaint = ComplaintOf(upstream, secret);
        if (complaint is null && await check.AskAsync(upstream, secret.RevealText(), cancellationToken) == KeyFinding.Refused)
        {
            complaint = $"{upstream.Name} does not know this key, or has revoked it. Nothing was stored.";
        }

        if (complaint is null)
        {
            return (secret, null);
        }

        secret.Dispose();
        return (null, complaint);
    }

    /// <param name="userId">Whose key it is.</param>
    /// <param name="upstream">Whose provider it is for.</param>
    /// <param name="label">What they call it; null or empty for a name of ours.</param>
    /// <param name="posted">The key as it came, blanks around it and all.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<StoredKey> RunAsync(Guid userId, Upstream upstream, string? label, Secret posted, CancellationToken cancellationToken)
    {
        using var secret = Trimmed(posted);
        if (ComplaintOf(upstream, secret) is { } complaint)
        {
            return new StoredKey(null, null, complaint);
        }

        if (LooksLikeAKey(upstream, label, secret))
        {
            return new StoredKey(null, null, NameLooksLikeAKey);
        }

        if (!await HasRoomAsync(userId, cancellationToken))
        {
            return TooMany;
        }

        var finding = await check.AskAsync(upstream, secret.RevealText(), cancellationToken);
        if (finding == KeyFinding.Refused)
        {
            return new StoredKey(null, finding, $"{upstream.Name} does not know this key, or has revoked it. Nothing was stored.");
        }

        label = OneLine.Of(label, LongestLabel) is { Length: > 0 } given ? given : $"My {upstream.Name} key";
        if (await TryAsync(() => keys.SealAsync(userId, upstream.Id, label, secret, StatusOf(finding), cancellationToken)) is not { } key)
        {
            return NoVault;
        }

        var stored = false;
        await db.InTransactionAsync(
            async () =>
            {
                // Asked again: another form of the same person may have taken the last place meanwhile.
                if (!await HasRoomAsync(userId, cancellationToken))
                {
                    return;
                }

                db.UpstreamKeys.Add(key);
                stored = true;
                await audit.RecordAsync(
                    "key.stored", $"user:{userId}", $"key:{key.Id}", userId,
                    new { upstream = upstream.Id, finding = finding.ToString() }, cancellationToken);
            },
            cancellationToken);
        return stored ? new StoredKey(key, finding, null) : TooMany;
    }

    /// <summary>Puts another secret into a key that is there: the apps that use it go on with the new one at their next call.</summary>
    /// <param name="key">The row as it was read.</param>
    /// <param name="upstream">Its provider.</param>
    /// <param name="posted">The new secret as it came.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public async Task<StoredKey> ReplaceAsync(UpstreamKey key, Upstream upstream, Secret posted, CancellationToken cancellationToken)
    {
        using var secret = Trimmed(posted);
        if (ComplaintOf(upstream, secret) is { } complaint)
        {
            return new StoredKey(null, null, complaint);
        }

        var finding = await check.AskAsync(upstream, secret.RevealText(), cancellationToken);
        if (finding == KeyFinding.Refused)
        {
            return new StoredKey(null, finding, $"{upstream.Name} does not know this key, or has revoked it. The key that was there stays.");
        }

        if (await TryAsync(() => keys.SealNextAsync(key, secret, StatusOf(finding), cancellationToken)) is not { } next)
        {
            return NoVault;
        }

        var replaced = false;
        await db.InTransactionAsync(
            async () =>
            {
                replaced = await keys.ReplaceAsync(next, cancellationToken);
                if (replaced)
                {
                    await audit.RecordAsync(
                        "key.replaced", $"user:{key.UserId}", $"key:{key.Id}", key.UserId,
                        new { upstream = upstream.Id, finding = finding.ToString(), generation = next.Generation }, cancellationToken);
                }
            },
            cancellationToken);
        if (!replaced)
        {
            return new StoredKey(null, null, "This key was replaced or deleted from another page meanwhile. Look at how it stands before you try again.");
        }

        openKeys.Drop(key.Id);
        return new StoredKey(key, finding, null);
    }

    /// <summary>The name as it is kept; null for one that is empty or looks like a key.</summary>
    public static string? NameOf(Upstream upstream, string? label) =>
        LooksLikeAKey(upstream, label, null) ? null : OneLine.Of(label, LongestLabel) is { Length: > 0 } name ? name : null;

    public static KeyStatus StatusOf(KeyFinding finding) => finding switch
    {
        KeyFinding.Works => KeyStatus.Working,
        KeyFinding.Restricted => KeyStatus.Restricted,
        KeyFinding.OutOfQuota => KeyStatus.OutOfQuota,
        KeyFinding.Refused => KeyStatus.Refused,
        _ => KeyStatus.Unchecked,
    };

    /// <summary>What the person is told of a finding.</summary>
    public static string Words(KeyFinding finding, Upstream upstream) => finding switch
    {
        KeyFinding.Works => $"Stored. {upstream.Name} accepts the key.",
        KeyFinding.Restricted => $"Stored. {upstream.Name} knows the key; it is a restricted one that may not list models. Apps can do what the key allows.",
        KeyFinding.OutOfQuota => $"Stored. {upstream.Name} knows the key, but the account behind it is out of credit or over its rate for now.",
        _ => $"Stored, but {upstream.Name} did not answer, so the key could not be checked yet.",
    };

    /// <returns>Null where the vault does not seal it now.</returns>
    private static async Task<UpstreamKey?> TryAsync(Func<Task<UpstreamKey>> seal)
    {
        try
        {
            return await seal();
        }
        catch (Exception exception) when (exception is VaultUnavailableException or VaultRefusedException)
        {
            return null;
        }
    }

    private async Task<bool> HasRoomAsync(Guid userId, CancellationToken cancellationToken) =>
        await db.UpstreamKeys.CountAsync(k => k.UserId == userId, cancellationToken) < MostKeys;

    /// <summary>Names are shown and stored as they are.</summary>
    private static bool LooksLikeAKey(Upstream upstream, string? label, Secret? secret)
    {
        var text = Encoding.UTF8.GetBytes(label?.Trim() ?? "");
        using var name = new Secret(text);
        return ComplaintOf(upstream, name) is null || (secret is not null && secret.Reveal(key => text.AsSpan().IndexOf(key) >= 0));
    }

    private static Secret Trimmed(Secret posted) => posted.Reveal(static bytes => new Secret(bytes.Trim(" \t\r\n"u8)));

    private static string? ComplaintOf(Upstream upstream, Secret secret) => secret.Reveal(text =>
        text.Length == 0 ? "Paste the key."
        : text.Length is < ShortestKey or > LongestKey || text.ContainsAnyExceptInRange((byte)'!', (byte)'~')
            ? $"This is not a key: it must be one line of {ShortestKey} to {LongestKey} letters, digits and signs. Copy it again from the provider's page."
        : !text.StartsWith(Encoding.ASCII.GetBytes(upstream.KeyPrefix))
            ? $"A key of {upstream.Name} starts with '{upstream.KeyPrefix}'. Copy it again from the provider's page."
        : null);
}
