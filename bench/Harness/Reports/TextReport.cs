using System.Globalization;
using System.Text;

namespace TokenBroker.Bench.Reports;

/// <summary>The findings as tables for people.</summary>
internal static class TextReport
{
    public static string Of(Findings findings)
    {
        var text = new StringBuilder();
        foreach (var measure in findings.Figures.GroupBy(figure => figure.Measure))
        {
            text.AppendLine().AppendLine(measure.Key);
            Append(text, measure);
        }

        if (findings.Verdicts.Count > 0)
        {
            text.AppendLine().AppendLine("Targets");
            Append(text, [
                ["what", "target", "measured", ""],
                .. findings.Verdicts.Select(v => new[] { v.What, v.Target, Number(v.Measured), v.Met ? "ok" : "MISSED" }),
            ]);
        }

        foreach (var note in findings.Notes)
        {
            text.AppendLine().Append("Note: ").AppendLine(note);
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, IEnumerable<Figure> figures)
    {
        var all = figures.ToList();
        var names = all.Select(figure => figure.Name).Distinct().ToList();
        var rows = all.GroupBy(figure => (figure.Setting, figure.Contender)).Select(row => (string[])
        [
            row.Key.Setting,
            row.Key.Contender,
            .. names.Select(name => row.FirstOrDefault(figure => figure.Name == name) is { } figure ? Number(figure.Median) : ""),
        ]);
        Append(text, [["", "contender", .. names], .. rows]);
    }

    private static void Append(StringBuilder text, List<string[]> rows)
    {
        var widths = Enumerable.Range(0, rows[0].Length).Select(column => rows.Max(row => row[column].Length)).ToArray();
        foreach (var row in rows)
        {
            var line = row.Select((cell, column) => char.IsAsciiDigit(cell.FirstOrDefault('x')) || cell.StartsWith('-') ? cell.PadLeft(widths[column]) : cell.PadRight(widths[column]));
            text.Append("  ").AppendLine(string.Join("  ", line).TrimEnd());
        }
    }

    private static string Number(double value) => Math.Abs(value) switch
    {
        _ when !double.IsFinite(value) => "-",
        >= 1000 => value.ToString("N0", CultureInfo.InvariantCulture),
        >= 20 => value.ToString("0", CultureInfo.InvariantCulture),
        _ => value.ToString("0.00", CultureInfo.InvariantCulture),
    };
}
