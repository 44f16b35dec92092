using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Authorization.Details;
using TokenBroker.Credit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Consent;

/// <summary>What an app sent, wherever it sent it: to the authorization endpoint, pushed, or from a device.</summary>
/// <param name="ClientId">The app.</param>
/// <param name="Scopes">What it asks for, of one upstream.</param>
/// <param name="ReturnsTo">Where the person goes back to; null where they stay, as on a device's verification page.</param>
internal sealed record AppAsk(string ClientId, IReadOnlyList<string> Scopes, Uri? ReturnsTo)
{
    /// <summary>The parameter <c>authorization_details</c> as it came, after it was accepted.</summary>
    public string? Details { get; init; }

    /// <summary>Whether the app wants everything asked anew, as with <c>prompt=consent</c>.</summary>
    public bool Anew { get; init; }
}

/// <summary>A scope of the upstream that the app asks for.</summary>
/// <param name="Capability">Its words.</param>
/// <param name="IsOptional">Whether the person may untick it; the others are allowed together or not at all.</param>
internal sealed record AskedCapability(Capability Capability, bool IsOptional);

/// <summary>How a person is asked.</summary>
internal enum ConsentShape
{
    /// <summary>Everything that is asked for, and every limit.</summary>
    Full,

    /// <summary>Only what a live grant does not allow yet.</summary>
    Difference,

    /// <summary>Whether to go on with what a live grant allows.</summary>
    Confirm,
}

/// <summary>
/// What a person is asked: by which app, for what, and what they allowed it before. It is made anew from the app's
/// request for the display and for the answer, so that an edited form widens nothing.
/// </summary>
internal sealed class ConsentRequest
{
    public required Guid UserId { get; init; }

    public required CurrentSession Session { get; init; }

    /// <summary>The person's own address, which they see before an app learns it.</summary>
    public required string Email { get; init; }

    public required App App { get; init; }

    public required Upstream Upstream { get; init; }

    /// <summary>Everything that is asked for, identity included.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>In the catalogue's order.</summary>
    public required IReadOnlyList<AskedCapability> Capabilities { get; init; }

    /// <summary>How far the app proposes that the scopes reach; null where it proposes nothing.</summary>
    public required ModelAccess? Proposal { get; init; }

    public required Uri? ReturnsTo { get; init; }

    /// <summary>The person's keys for the upstream, the oldest first.</summary>
    public required IReadOnlyList<UpstreamKey> Keys { get; init; }

    /// <summary>The credit that could pay in place of a key of theirs.</summary>
    public required IReadOnlyList<CreditOffer> Credit { get; init; }

    /// <summary>
    /// Whether the person may give a key that is never stored: only where the app's tokens are given to the app at once. A
    /// device fetches its own later, and until then the key would have to be stored.
    /// </summary>
    public bool MayCarryKey => ReturnsTo is not null;

    /// <summary>Whether the key that the app's tokens carry can stay as it is: where limits are changed and no token is given.</summary>
    public bool KeepsCarriedKey { get; init; }

    /// <summary>The live grant that they gave this app before.</summary>
    public required Grant? Earlier { get; init; }

    /// <summary>What is asked for beyond <see cref="Earlier"/>; null where the person is asked for everything.</summary>
    public required ConsentDifference? Difference { get; init; }

    /// <summary>The broker's own limit, which no answer passes.</summary>
    public required int MostRequestsPerMinute { get; init; }

    public required DateTime Now { get; init; }

    /// <summary>Whether the person is suspended, and so allows nothing new.</summary>
    public bool IsSuspended { get; init; }

    public const string SuspendedWords = "The user's account is suspended here.";

    /// <summary>How many people may use the app until it is reviewed.</summary>
    public required int TesterLimit { get; init; }

    /// <summary>What to say where the app has all of them, and this person is not one; null where there is room.</summary>
    public required string? FullWords { get; init; }

    public bool IsFull => FullWords is not null;

    public string AppName => App.DisplayName ?? App.ClientId ?? "";

    public ConsentShape Shape => Difference is null ? ConsentShape.Full : Difference.IsEmpty ? ConsentShape.Confirm : ConsentShape.Difference;

    /// <summary>Which grant, and which state of it, the page speaks of; an answer about another is not taken.</summary>
    public string? Seen => Earlier is null ? null : $"{Earlier.Id:N}.{Earlier.Revision}";

    public IEnumerable<string> IdentityScopes => Catalogue.IdentityScopes.Where(Asks);

    public bool Asks(string scope) => Scopes.Contains(scope);

    /// <summary>What the app proposes, each limit by itself.</summary>
    public IEnumerable<string> ProposalInWords()
    {
        if (Proposal?.Budget is { } budget)
        {
            yield return $"at most {Money.Words(budget)}";
        }

        if (Proposal?.Lifetime is { } lifetime)
        {
            yield return $"for {LifetimeChoice.InWords(lifetime)}";
        }

        if (Proposal?.RequestsPerMinute is { } rate)
        {
            yield return $"{rate} calls a minute";
        }

        if (Proposal?.Models is { } models)
        {
            yield return models is [var only] ? $"with {only}" : $"with {models.Count} models";
        }
    }

    /// <summary>What identity scopes say nothing about the person, and so are not theirs to untick.</summary>
    public static bool IsFixed(string scope) => scope is "openid" or "offline_access";
}

/// <summary>What the parts of the page show: what is asked, and the answer as it stands.</summary>
internal sealed record ConsentView(ConsentRequest Request, ConsentForm Form);
