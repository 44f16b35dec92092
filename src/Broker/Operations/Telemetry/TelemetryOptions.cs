using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Operations;

/// <summary>Section <c>Telemetry</c>: where figures about the broker go.</summary>
internal sealed class TelemetryOptions : IValidatableObject
{
    /// <summary>
    /// A collector that takes OTLP over HTTP, such as <c>http://localhost:4318</c>; the standard variable
    /// <c>OTEL_EXPORTER_OTLP_ENDPOINT</c> says the same. Default: none, and nothing is sent anywhere.
    /// </summary>
    public Uri? OtlpEndpoint { get; set; }

    /// <summary>How often. Default: 30 seconds.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan Interval { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>As it is configured, before it is validated: what the program is made of depends on it.</summary>
    public static TelemetryOptions Of(IConfiguration configuration)
    {
        var options = configuration.GetSection("Telemetry").Get<TelemetryOptions>() ?? new TelemetryOptions();
        options.OtlpEndpoint ??= configuration["OTEL_EXPORTER_OTLP_ENDPOINT"] is { Length: > 0 } standard ? new Uri(standard, UriKind.RelativeOrAbsolute) : null;
        return options;
    }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (OtlpEndpoint is { } endpoint && !(endpoint.IsAbsoluteUri && endpoint.Scheme is "http" or "https"))
        {
            yield return new ValidationResult($"Telemetry:OtlpEndpoint: '{endpoint}' is not an http or https address such as http://localhost:4318.", [nameof(OtlpEndpoint)]);
        }
    }
}
