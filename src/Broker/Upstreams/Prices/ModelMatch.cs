using System.Text.RegularExpressions;

namespace TokenBroker.Upstreams;

/// <summary>Which names of models a price is for.</summary>
internal abstract record ModelMatch
{
    public abstract bool Matches(string model);

    internal sealed record Exactly(string Text) : ModelMatch
    {
        public override bool Matches(string model) => model == Text;
    }

    internal sealed record Beginning(string Text) : ModelMatch
    {
        public override bool Matches(string model) => model.StartsWith(Text, StringComparison.Ordinal);
    }

    internal sealed record Ending(string Text) : ModelMatch
    {
        public override bool Matches(string model) => model.EndsWith(Text, StringComparison.Ordinal);
    }

    internal sealed record Holding(string Text) : ModelMatch
    {
        public override bool Matches(string model) => model.Contains(Text, StringComparison.Ordinal);
    }

    /// <summary>An expression that cannot run away: it is matched without backtracking.</summary>
    internal sealed record Pattern(string Text) : ModelMatch
    {
        private readonly Regex _regex = new(Text, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant, TimeSpan.FromSeconds(1));

        public override bool Matches(string model) => _regex.IsMatch(model);
    }

    internal sealed record Both(IReadOnlyList<ModelMatch> Parts) : ModelMatch
    {
        public override bool Matches(string model) => Parts.All(part => part.Matches(model));
    }

    internal sealed record Either(IReadOnlyList<ModelMatch> Parts) : ModelMatch
    {
        public override bool Matches(string model) => Parts.Any(part => part.Matches(model));
    }
}
