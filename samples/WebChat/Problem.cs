using TokenBroker.Sdk;

namespace TokenBroker.Samples.WebChat;

/// <summary>Why a call did not work, as the page shows it.</summary>
/// <param name="State">Chooses the page's panel: connect, revoked, budget, paused, slow, or error.</param>
/// <param name="Message">For the user.</param>
/// <param name="PortalUrl">Where the user can mend it, on the broker; or null.</param>
internal sealed record Problem(string State, string Message, Uri? PortalUrl = null)
{
    public static Problem From(Exception exception) => exception switch
    {
        GrantRevokedException => new("revoked", "Access was ended \u2014 connect again to go on."),
        ConsentRequiredException => new("connect", "Connect your AI account to start."),
        BudgetExhaustedException e => new("budget", "The budget that you gave this app is used up.", e.PortalUrl),
        GrantPausedException e => new("paused", "You have paused this app. Resume it to go on.", e.PortalUrl),
        RateLimitedException { RetryAfter: { } wait } => new("slow", $"That was a little fast. Try again in {wait.TotalSeconds:0} s."),
        RateLimitedException => new("slow", "That was a little fast. Try again in a moment."),
        TokenBrokerException e => new("error", e.Message, e.PortalUrl),
        IOException => new("interrupted", "The answer was cut short."),
        _ => new("error", "The model provider could not answer. Try again in a moment."),
    };
}
