using Microsoft.EntityFrameworkCore;
using TokenBroker.Accounts;
using TokenBroker.Audit;
using TokenBroker.Custody;
using TokenBroker.Storage;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Keys;

/// <summary>What became of a key that was entered: stored with a finding, or a complaint for the form.</summary>
internal sealed record StoredKey(UpstreamKey? Key, KeyFinding? Finding, string? Complaint);

/// <summary>
/// Takes a key from a form: looks at its shape, asks the provider about it by a free call, seals it and stores it. A
/// key that the provider does not know is not stored; one that may not list models, or could not be asked about, is.
/// </summary>
internal sealed class StoreKey(BrokerDbContext db, UpstreamKeys keys, KeyCheck check, AuditLog audit)
{
    private const int MostKeys = 20;
    private const int ShortestKey = 16;
    private const int LongestKey = 512;
    private const int LongestLabel = 80;

    private static readonly StoredKey TooMany = new(null, null, $"You have {MostKeys} keys, the most that one account keeps. Delete one first.");

    /// <summary>Looks at a key that is not to be stored, and asks the provider about it.</summary>
    /// <returns>The key, or the complaint for the form.</returns>
    public async Task<(Secret? Key, string? Complaint)> CheckAsync(Upstream upstream, string? text, CancellationToken cancellationToken)
    {
        text = text?.Trim() ?? "";
        return ComplaintOf(upstream, text) is { } complaint ? (null, complaint)
            : await check.AskAsync(upstream, text, cancellationToken) == KeyFinding.Refused
                ? (null, $"{upstream.Name} does not know this key, or has revoked it. Nothing was stored.")
            : (Secret.FromText(text), null);
    }

    /// <summary>All that is ever shown of a key; nothing of a short one.</summary>
    public static string LastFourOf(Secret key) => key.RevealText() is { Length: >= 12 } text ? text[^4..] : "";

    public async Task<StoredKey> RunAsync(Guid userId, Upstream upstream, string? label, string? text, CancellationToken cancellationToken)
    {
        text = text?.Trim() ?? "";
        if (ComplaintOf(upstream, text) is { } complaint)
        {
            return new StoredKey(null, null, complaint);
        }

        if (label is not null && (label.Contains(text, StringComparison.Ordinal) || ComplaintOf(upstream, label.Trim()) is null))
        {
            return new StoredKey(null, null, "The name looks like a key. Names are shown and stored as they are: give another.");
        }

        if (!await HasRoomAsync(userId, cancellationToken))
        {
            return TooMany;
        }

        var finding = await check.AskAsync(upstream, text, cancellationToken);
        if (finding == KeyFinding.Refused)
        {
            return new StoredKey(null, finding, $"{upstream.Name} does not know this key, or has revoked it. Nothing was stored.");
        }

        label = OneLine.Of(label, LongestLabel) is { Length: > 0 } given ? given : $"My {upstream.Name} key";
        using var secret = Secret.FromText(text);
        UpstreamKey? key = null;
        await db.InTransactionAsync(
            async () =>
            {
                // Asked again: another form of the same person may have taken the last place meanwhile.
                if (!await HasRoomAsync(userId, cancellationToken))
                {
                    return;
                }

                key = await keys.AddAsync(userId, upstream.Id, label, secret, StatusOf(finding), cancellationToken);
                await audit.RecordAsync(
                    "key.stored", $"user:{userId}", $"key:{key.Id}", userId,
                    new { upstream = upstream.Id, finding = finding.ToString() }, cancellationToken);
            },
            cancellationToken);
        return key is null ? TooMany : new StoredKey(key, finding, null);
    }

    /// <summary>What the person is told of a finding.</summary>
    public static string Words(KeyFinding finding, Upstream upstream) => finding switch
    {
        KeyFinding.Works => $"Stored. {upstream.Name} accepts the key.",
        KeyFinding.Restricted => $"Stored. {upstream.Name} knows the key; it is a restricted one that may not list models. Apps can do what the key allows.",
        KeyFinding.OutOfQuota => $"Stored. {upstream.Name} knows the key, but the account behind it is out of credit or over its rate for now.",
        _ => $"Stored, but {upstream.Name} did not answer, so the key could not be checked yet.",
    };

    private async Task<bool> HasRoomAsync(Guid userId, CancellationToken cancellationToken) =>
        await db.UpstreamKeys.CountAsync(k => k.UserId == userId, cancellationToken) < MostKeys;

    private static KeyStatus StatusOf(KeyFinding finding) => finding switch
    {
        KeyFinding.Works => KeyStatus.Working,
        KeyFinding.Restricted => KeyStatus.Restricted,
        KeyFinding.OutOfQuota => KeyStatus.OutOfQuota,
        _ => KeyStatus.Unchecked,
    };

    private static string? ComplaintOf(Upstream upstream, string text) =>
        text.Length == 0 ? "Paste the key."
        : text.Length is < ShortestKey or > LongestKey || text.Any(c => c is <= ' ' or > '~')
            ? "This is not a key: it must be one line of letters, digits and signs. Copy it again from the provider's page."
        : !text.StartsWith(upstream.KeyPrefix, StringComparison.Ordinal)
            ? $"A key of {upstream.Name} starts with '{upstream.KeyPrefix}'. Copy it again from the provider's page."
        : null;
}
