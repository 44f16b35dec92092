using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Authorization.Keys;

/// <summary>Section <c>Keys</c>: how the authorization server's own keys follow one another.</summary>
internal sealed class KeyRotationOptions : IValidatableObject
{
    /// <summary>How long a key signs before the next one does. Default: 90 days.</summary>
    public TimeSpan RotateEvery { get; set; } = TimeSpan.FromDays(90);

    /// <summary>How long the next key is in the JWKS before it signs: longer than any client keeps a JWKS. Default: 7 days.</summary>
    public TimeSpan AnnounceFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How long a key stays in the JWKS after the next one took over: longer than what it signed is valid. Default: 7 days.</summary>
    public TimeSpan RetainFor { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How often the schedule is looked at, and the keys that another node made are read. Default: an hour.</summary>
    public TimeSpan CheckEvery { get; set; } = TimeSpan.FromHours(1);

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (CheckEvery < TimeSpan.FromSeconds(1) || AnnounceFor < CheckEvery + CheckEvery || RetainFor < TimeSpan.FromHours(1) || RotateEvery < AnnounceFor)
        {
            yield return new ValidationResult(
                "Keys: CheckEvery must be at least a second, AnnounceFor at least twice CheckEvery, RetainFor at least an hour, RotateEvery at least AnnounceFor.");
        }
    }
}
