using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Upstreams;

/// <summary>Section <c>Prices</c>.</summary>
internal sealed class PriceOptions : IValidatableObject
{
    /// <summary>A price list of the shape of the embedded ones, which takes the place of the one of the same id. What was imported comes before it.</summary>
    public string? File { get; set; }

    /// <summary>What becomes of a call whose model no list knows. A ceiling is a price that somebody has to name; nothing is called at no price.</summary>
    public UnknownModels UnknownModels { get; set; }

    /// <summary>What a million tokens of a model cost that no list knows: the operator's bound, not the provider's price.</summary>
    public CeilingOptions Ceiling { get; set; } = new();

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (UnknownModels == UnknownModels.Ceiling && (Ceiling.Input <= 0 || Ceiling.Output <= 0))
        {
            yield return new ValidationResult("Prices:UnknownModels is Ceiling: give Prices:Ceiling:Input and Prices:Ceiling:Output, in dollars for a million tokens, both above zero.");
        }
    }
}

/// <summary>In dollars for a million tokens.</summary>
internal sealed class CeilingOptions
{
    [Range(0, 100_000)]
    public decimal Input { get; set; }

    [Range(0, 100_000)]
    public decimal Output { get; set; }
}

internal enum UnknownModels
{
    /// <summary>It is refused.</summary>
    Refuse,

    /// <summary>Text calls are charged at <see cref="PriceOptions.Ceiling"/>.</summary>
    Ceiling,
}
