using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using TokenBroker.Bench.Processes;

namespace TokenBroker.Bench.Reports;

/// <summary>The findings for programs: every round of every figure, and the machine.</summary>
internal static class JsonReport
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true, NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.AllowNamedFloatingPointLiterals };

    public static async Task WriteAsync(string file, Findings findings, BenchOptions options, CancellationToken cancellationToken)
    {
        await using var stream = File.Create(file);
        await JsonSerializer.SerializeAsync(
            stream,
            new
            {
                at = TimeProvider.System.GetUtcNow().ToString("O", CultureInfo.InvariantCulture),
                machine = new
                {
                    processors = Environment.ProcessorCount,
                    system = RuntimeInformation.OSDescription,
                    runtime = RuntimeInformation.FrameworkDescription,
                    nginx = Programs.Nginx is not null,
                },
                options = new { options.Seconds, options.Rounds, options.Streams, options.Quick },
                figures = findings.Figures.Select(f => new { f.Measure, f.Setting, f.Contender, f.Name, f.Median, f.Rounds }),
                targets = findings.Verdicts,
                notes = findings.Notes,
            },
            Indented,
            cancellationToken);
    }
}
