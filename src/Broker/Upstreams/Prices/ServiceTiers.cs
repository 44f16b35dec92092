using System.Text;

namespace TokenBroker.Upstreams;

/// <summary>
/// What a provider's service tiers make of a model's prices: a share of the list's price for each tier that the list
/// knows. A tier that it does not know costs what the dearest does, and never less than the list's price: what is not
/// known errs upwards.
/// </summary>
internal sealed class ServiceTiers
{
    /// <summary>The list's own price, in thousandths of a percent.</summary>
    public const int Standard = 100_000;

    /// <summary>The tier of what runs in batches; none that a call can ask for.</summary>
    public const string Batch = "batch";

    /// <summary>More than any tier costs.</summary>
    public const int Most = 100 * Standard;

    /// <summary>What providers call the list's own price. The last is capacity that was paid for before.</summary>
    private static readonly string[] s_standard = ["default", "standard", "scale"];

    private readonly (string Name, byte[] Utf8, int Share)[] _tiers;

    public ServiceTiers(IEnumerable<KeyValuePair<string, int>> shares)
    {
        var all = s_standard.ToDictionary(name => name, _ => Standard, StringComparer.Ordinal);
        foreach (var (name, share) in shares)
        {
            all[name] = share;
        }

        _tiers = [.. all.Select(tier => (tier.Key, Encoding.UTF8.GetBytes(tier.Key), tier.Value))];
        Dearest = _tiers.Max(tier => tier.Share);
    }

    /// <summary>Every call costs the list's price.</summary>
    public static ServiceTiers None { get; } = new([]);

    /// <summary>The share of the dearest one; at least the list's price.</summary>
    public int Dearest { get; }

    /// <summary>The tiers that do not cost the list's price.</summary>
    public IEnumerable<(string Name, int Share)> Others => _tiers.Where(tier => tier.Share != Standard).Select(tier => (tier.Name, tier.Share));

    /// <summary>The share for a tier; null where the list does not know it.</summary>
    public int? Of(string name)
    {
        foreach (var tier in _tiers)
        {
            if (tier.Name == name)
            {
                return tier.Share;
            }
        }

        return null;
    }

    /// <summary>The tier that an answer tells.</summary>
    public (string Name, int Share) Told(ReadOnlySpan<byte> name)
    {
        foreach (var tier in _tiers)
        {
            if (name.SequenceEqual(tier.Utf8))
            {
                return (tier.Name, tier.Share);
            }
        }

        return ("other", Dearest);
    }
}
