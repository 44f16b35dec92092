namespace TokenBroker.Bench.Reports;

/// <summary>One figure of one contender: its value in each round. Rounds are comparable between contenders, number by number.</summary>
internal sealed record Figure(string Measure, string Setting, string Contender, string Name, double[] Rounds)
{
    public double Median => Statistics.Median(Rounds);
}

/// <summary>A target, and whether the figure meets it.</summary>
internal sealed record Verdict(string What, string Target, double Measured, bool Met);

/// <summary>All that a run found out.</summary>
internal sealed class Findings
{
    public List<Figure> Figures { get; } = [];

    public List<Verdict> Verdicts { get; } = [];

    public List<string> Notes { get; } = [];

    public void Add(string measure, string setting, string contender, string name, IEnumerable<double> rounds) =>
        Figures.Add(new Figure(measure, setting, contender, name, [.. rounds]));

    /// <summary>Adds, for each contender, its figure against the base's of the same round.</summary>
    public void Compare(string measure, string setting, string name, string against, string asName, Func<double, double, double> compare)
    {
        var all = Figures.Where(figure => figure.Measure == measure && figure.Setting == setting && figure.Name == name).ToList();
        if (all.FirstOrDefault(figure => figure.Contender == against) is not { } theirs)
        {
            return;
        }

        foreach (var figure in all)
        {
            Add(measure, setting, figure.Contender, asName, figure.Rounds.Zip(theirs.Rounds, compare));
        }
    }

    public void AtLeast(double target, string measure, string setting, string contender, string name, string what, string unit) =>
        Judge(measure, setting, contender, name, what, $"at least {target:0.##}{unit}", measured => measured >= target);

    public void AtMost(double target, string measure, string setting, string contender, string name, string what, string unit) =>
        Judge(measure, setting, contender, name, what, $"at most {target:0.##}{unit}", measured => measured <= target);

    private void Judge(string measure, string setting, string contender, string name, string what, string target, Predicate<double> isMet)
    {
        var figure = Figures.FirstOrDefault(f => f.Measure == measure && f.Setting == setting && f.Contender == contender && f.Name == name);
        if (figure is not null)
        {
            Verdicts.Add(new Verdict(what, target, figure.Median, double.IsFinite(figure.Median) && isMet(figure.Median)));
        }
    }
}
