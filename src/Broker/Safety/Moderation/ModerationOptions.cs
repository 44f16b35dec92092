using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Safety;

internal enum ModerationMode
{
    /// <summary>Only where an app's owner, a person, or <see cref="ModerationOptions.Apps"/> asks for it.</summary>
    Off,

    /// <summary>Every call.</summary>
    On,
}

/// <summary>Section <c>Safety:Moderation</c>: what is read by the provider's moderation before it is sent to a model.</summary>
internal sealed class ModerationOptions
{
    public ModerationMode Mode { get; set; }

    /// <summary>With <see cref="ModerationMode.On"/>: the only models whose calls are moderated; all if empty.</summary>
    public IList<string> Models { get; } = [];

    /// <summary>Client ids of apps whose calls are moderated in any case.</summary>
    public IList<string> Apps { get; } = [];

    /// <summary>Whether a call goes on where moderation does not answer. Off, the call is refused.</summary>
    public bool FailOpen { get; set; }

    /// <summary>For all that one call has to ask.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Whose moderation endpoint is asked.</summary>
    public string Upstream { get; set; } = "openai";

    [Required]
    public string Model { get; set; } = "omni-moderation-latest";

    /// <summary>A file with a key of the operator's own. Without it each call's own key is used: the endpoint costs nothing.</summary>
    public string? KeyFile { get; set; }

    /// <summary>From which score on a category counts as flagged. One that is not named is judged by the provider.</summary>
    public IDictionary<string, double> Thresholds { get; } = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether the input of embeddings is moderated too.</summary>
    public bool Embeddings { get; set; }

    /// <summary>The most pieces of text that one call may bring; a call with more is refused. A piece has up to 4,000 characters.</summary>
    [Range(1, 10_000)]
    public int MostPieces { get; set; } = 512;

    /// <summary>The most pictures that one call may bring.</summary>
    [Range(1, 1_000)]
    public int MostImages { get; set; } = 16;

    /// <summary>How long a verdict on a text is remembered, since conversations repeat their history; zero for not at all.</summary>
    public TimeSpan RememberFor { get; set; } = TimeSpan.FromMinutes(1);
}
