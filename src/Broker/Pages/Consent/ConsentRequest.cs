using TokenBroker.Apps;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Upstreams;

namespace TokenBroker.Pages.Consent;

/// <summary>What an app sent, wherever it sent it: to the authorization endpoint, pushed, or from a device.</summary>
/// <param name="ClientId">The app.</param>
/// <param name="Scopes">What it asks for, of one upstream.</param>
/// <param name="ReturnsTo">Where the person goes back to; null where they stay, as on a device's verification page.</param>
internal sealed record AppAsk(string ClientId, IReadOnlyList<string> Scopes, Uri? ReturnsTo);

/// <summary>A scope of the upstream that the app asks for.</summary>
/// <param name="Capability">Its words.</param>
/// <param name="IsOptional">Whether the person may untick it; the others are allowed together or not at all.</param>
internal sealed record AskedCapability(Capability Capability, bool IsOptional);

/// <summary>
/// What a person is asked: by which app, for what, and what they allowed it before. It is made anew from the app's
/// request for the display and for the answer, so that an edited form widens nothing.
/// </summary>
internal sealed class ConsentRequest
{
    public required Guid UserId { get; init; }

    /// <summary>The person's own address, which they see before an app learns it.</summary>
    public required string Email { get; init; }

    public required App App { get; init; }

    public required Upstream Upstream { get; init; }

    /// <summary>Everything that is asked for, identity included.</summary>
    public required IReadOnlyList<string> Scopes { get; init; }

    /// <summary>In the catalogue's order.</summary>
    public required IReadOnlyList<AskedCapability> Capabilities { get; init; }

    public required Uri? ReturnsTo { get; init; }

    /// <summary>The person's keys for the upstream, the oldest first.</summary>
    public required IReadOnlyList<UpstreamKey> Keys { get; init; }

    /// <summary>The live grant that they gave this app before.</summary>
    public required Grant? Earlier { get; init; }

    public string AppName => App.DisplayName ?? App.ClientId ?? "";

    public IEnumerable<string> IdentityScopes => Catalogue.IdentityScopes.Where(Asks);

    public bool Asks(string scope) => Scopes.Contains(scope);
}

/// <summary>What the parts of the page show: what is asked, and the answer as it stands.</summary>
internal sealed record ConsentView(ConsentRequest Request, ConsentForm Form);
