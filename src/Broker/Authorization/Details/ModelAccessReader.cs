using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Operations;
using TokenBroker.Upstreams;

namespace TokenBroker.Authorization.Details;

/// <summary>
/// Reads <c>authorization_details</c>. What is not known is refused and not passed over (RFC 9396, section 5): a
/// limit that an app believes in, and that nobody holds, would be worse than none.
/// </summary>
internal sealed partial class ModelAccessReader(Catalogue catalogue, IOptions<BrokerOptions> broker, IOptions<GrantBounds> bounds)
{
    private const int MostBytes = 32 * 1024;
    private static readonly JsonDocumentOptions s_strict = new() { MaxDepth = 4, AllowDuplicateProperties = false };

    /// <param name="json">The parameter as it came.</param>
    /// <param name="scopes">What the same request asks for: its upstream is the one that the detail must name.</param>
    /// <returns>What is proposed, or what is wrong with it.</returns>
    public (ModelAccess? Access, string? Complaint) Read(string json, IEnumerable<string> scopes) => Read(json, scopes, GrantBounds.ShortestLifetime);

    /// <inheritdoc cref="Read(string, IEnumerable{string})"/>
    public (ModelAccess? Access, string? Complaint) Read(string json, IEnumerable<string> scopes, TimeSpan shortest)
    {
        if (Encoding.UTF8.GetByteCount(json) > MostBytes)
        {
            return (null, $"It is longer than {MostBytes} bytes.");
        }

        try
        {
            using var document = JsonDocument.Parse(json, s_strict);
            return (Read(document.RootElement, scopes, shortest), null);
        }
        catch (JsonException)
        {
            return (null, "It is no JSON array of objects without duplicate members.");
        }
        catch (Refusal refusal)
        {
            return (null, refusal.Message);
        }
    }

    private ModelAccess Read(JsonElement details, IEnumerable<string> scopes, TimeSpan shortest)
    {
        Require(details.ValueKind == JsonValueKind.Array && details.GetArrayLength() == 1, "Send an array of exactly one object.");
        var detail = details[0];
        Require(detail.ValueKind == JsonValueKind.Object, "Send an array of exactly one object.");
        Require(Member(detail, "type") is { } type && Text(type) == ModelAccess.Type, $"The one type that is known is '{ModelAccess.Type}'.");
        OnlyKnown(detail, "type", "locations", "upstream", "models", "budget", "rate", "lifetime");

        var upstreamId = Member(detail, "upstream") is { } named ? Text(named) : null;
        Require(upstreamId is not null && catalogue.Find(upstreamId) is not null, "'upstream' must name a provider of this broker, such as 'openai'.");
        Require(catalogue.OfScopes(scopes)?.Id == upstreamId, "Ask for at least one scope of the same upstream, and of no other; scopes are what opens operations.");
        ReadLocations(detail, upstreamId!);
        return new ModelAccess(upstreamId!, ReadModels(detail), ReadBudget(detail), ReadRate(detail), ReadLifetime(detail, shortest));
    }

    private void ReadLocations(JsonElement detail, string upstreamId)
    {
        if (Member(detail, "locations") is { } locations)
        {
            var address = IssuedIdentity.AudienceOf(broker.Value, upstreamId);
            Require(
                locations.ValueKind == JsonValueKind.Array && locations.GetArrayLength() == 1 && Text(locations[0]) == address,
                $"'locations' must be [\"{address}\"], or left out.");
        }
    }

    private static IReadOnlyList<string>? ReadModels(JsonElement detail)
    {
        if (Member(detail, "models") is not { } models)
        {
            return null;
        }

        Require(
            models.ValueKind == JsonValueKind.Array && models.GetArrayLength() is > 0 and <= GrantBounds.MostModels
                && models.EnumerateArray().All(model => Text(model) is { } name && GrantBounds.IsModel(name)),
            $"'models' must be an array of 1 to {GrantBounds.MostModels} names of models, each of at most {GrantBounds.LongestModel} visible ASCII characters.");
        return [.. models.EnumerateArray().Select(model => model.GetString()!).Distinct(StringComparer.Ordinal)];
    }

    private static Budget? ReadBudget(JsonElement detail)
    {
        if (Member(detail, "budget") is not { } budget)
        {
            return null;
        }

        Require(budget.ValueKind == JsonValueKind.Object, "'budget' must be an object.");
        OnlyKnown(budget, "amount", "currency", "period");
        var amount = Member(budget, "amount") is { } given ? Text(given) : null;
        Require(
            amount is not null && Amount().IsMatch(amount),
            "'budget.amount' must be a string such as \"5.00\", with at most six decimals.");
        var micros = (long)(decimal.Parse(amount!, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture) * 1_000_000);
        Require(
            micros is > 0 and <= GrantBounds.MostBudgetMicros,
            $"'budget.amount' must be above 0 and at most {GrantBounds.MostBudgetMicros / 1_000_000}.");
        Require(Member(budget, "currency") is { } currency && Text(currency) == "USD", "'budget.currency' must be \"USD\".");
        BudgetPeriod? period = (Member(budget, "period") is { } named ? Text(named) : null) switch
        {
            "day" => BudgetPeriod.Day,
            "month" => BudgetPeriod.Month,
            "total" => BudgetPeriod.Total,
            _ => null,
        };
        Require(period is not null, "'budget.period' must be \"day\", \"month\" or \"total\".");
        return new Budget(micros, period!.Value);
    }

    private int? ReadRate(JsonElement detail)
    {
        if (Member(detail, "rate") is not { } rate)
        {
            return null;
        }

        Require(rate.ValueKind == JsonValueKind.Object, "'rate' must be an object.");
        OnlyKnown(rate, "requests_per_minute");
        var most = bounds.Value.RequestsPerMinute;
        Require(
            Member(rate, "requests_per_minute") is { } value && Whole(value) is { } calls && calls > 0 && calls <= most,
            $"'rate.requests_per_minute' must be a whole number from 1 to {most}.");
        return (int)Whole(rate.GetProperty("requests_per_minute"))!.Value;
    }

    private static TimeSpan? ReadLifetime(JsonElement detail, TimeSpan shortest)
    {
        if (Member(detail, "lifetime") is not { } lifetime)
        {
            return null;
        }

        var (least, most) = ((long)shortest.TotalSeconds, (long)GrantBounds.LongestLifetime.TotalSeconds);
        Require(
            Whole(lifetime) is { } seconds && seconds >= least && seconds <= most,
            $"'lifetime' must be a whole number of seconds from {least} to {most}.");
        return TimeSpan.FromSeconds(Whole(lifetime)!.Value);
    }

    private static JsonElement? Member(JsonElement of, string name) => of.TryGetProperty(name, out var value) ? value : null;

    private static string? Text(JsonElement value) => value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? Whole(JsonElement value) => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number : null;

    private static void OnlyKnown(JsonElement of, params ReadOnlySpan<string> names)
    {
        foreach (var member in of.EnumerateObject())
        {
            // Its name is the app's text, and goes into an error that others print: it is not repeated.
            Require(names.Contains(member.Name), $"It has a member that is not known. Known here: {string.Join(", ", names.ToArray())}.");
        }
    }

    private static void Require(bool condition, string complaint)
    {
        if (!condition)
        {
            throw new Refusal(complaint);
        }
    }

    [GeneratedRegex(@"^[0-9]{1,5}(\.[0-9]{1,6})?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture)]
    private static partial Regex Amount();

    /// <summary>Never leaves this class.</summary>
    private sealed class Refusal(string message) : Exception(message);
}
