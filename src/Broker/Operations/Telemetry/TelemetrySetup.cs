using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace TokenBroker.Operations;

/// <summary>
/// Sends figures about the broker (OpenTelemetry metrics) to the operator's own collector, if there is one. Figures
/// only: no trace and no log leaves this way, since those could carry what a person wrote.
/// </summary>
internal static class TelemetrySetup
{
    /// <summary>The broker's own, and those of the parts that it runs on. None of their tags carries a path with ids, a query or a header.</summary>
    private static readonly string[] s_meters =
        [BrokerMeter.Name, "Microsoft.AspNetCore.Hosting", "Microsoft.AspNetCore.Server.Kestrel", "Microsoft.AspNetCore.RateLimiting", "System.Net.Http", "System.Runtime", "Npgsql"];

    public static void AddTelemetry(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<TelemetryOptions>().Configure(options => options.OtlpEndpoint = TelemetryOptions.Of(builder.Configuration).OtlpEndpoint)
            .BindConfiguration("Telemetry").ValidateDataAnnotations().ValidateOnStart();
        var options = TelemetryOptions.Of(builder.Configuration);
        if (options.OtlpEndpoint is not { IsAbsoluteUri: true } collector)
        {
            return;
        }

        builder.Services.AddOpenTelemetry()
            .ConfigureResource(resource => resource.AddService("tokenbroker", serviceVersion: typeof(TelemetrySetup).Assembly.GetName().Version?.ToString(3)))
            .WithMetrics(metrics => metrics.AddMeter(s_meters).AddOtlpExporter((exporter, reader) =>
            {
                exporter.Protocol = OtlpExportProtocol.HttpProtobuf;
                exporter.Endpoint = new Uri(collector.AbsoluteUri.TrimEnd('/') + "/v1/metrics");
                reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = (int)options.Interval.TotalMilliseconds;
            }));
    }
}
