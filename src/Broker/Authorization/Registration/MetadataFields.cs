using System.Text.Json;

namespace TokenBroker.Authorization.Registration;

/// <summary>
/// Reads members of a JSON object that a stranger wrote. A member of the wrong type is the first complaint that stays;
/// null counts as left out, which RFC 7592, section 2.2, asks for.
/// </summary>
internal sealed class MetadataFields(JsonElement json)
{
    public string? Complaint { get; private set; }

    public bool Has(string name) => json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null;

    public string? Text(string name) => Read(name, JsonValueKind.String, "text", value => value.GetString());

    public string? Object(string name) => Read(name, JsonValueKind.Object, "an object", value => value.GetRawText());

    public bool Flag(string name)
    {
        if (!Has(name))
        {
            return false;
        }

        var value = json.GetProperty(name);
        Require(value.ValueKind is JsonValueKind.True or JsonValueKind.False, $"{name} must be true or false.");
        return value.ValueKind == JsonValueKind.True;
    }

    /// <returns>Null where the member is left out.</returns>
    public IReadOnlyList<string>? List(string name) => Read<IReadOnlyList<string>>(name, JsonValueKind.Array, "a list of texts", value =>
    {
        Require(value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String), $"{name} must be a list of texts.");
        return [.. value.EnumerateArray().Where(item => item.ValueKind == JsonValueKind.String).Select(item => item.GetString()!)];
    });

    /// <summary>Notes the complaint unless the condition holds, or one was noted before.</summary>
    public void Require(bool condition, string complaint)
    {
        if (!condition)
        {
            Complaint ??= complaint;
        }
    }

    private T? Read<T>(string name, JsonValueKind kind, string words, Func<JsonElement, T?> read)
        where T : class
    {
        if (!Has(name))
        {
            return null;
        }

        var value = json.GetProperty(name);
        Require(value.ValueKind == kind, $"{name} must be {words}.");
        return value.ValueKind == kind ? read(value) : null;
    }
}
