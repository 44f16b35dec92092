using System.Globalization;

namespace TokenBroker.Gateway;

/// <summary>The fields of an upload, judged as they pass: each once, and none that names an object at the provider.</summary>
internal sealed class UploadedForm
{
    /// <summary>The longest value of a plain field: they are words and numbers here.</summary>
    public const int LongestField = 16 * 1024;
    private const int MostParts = 32;

    private readonly HashSet<string> _seen = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A part begins.</summary>
    public GatewayError? Begin(PartHead part)
    {
        if (!_seen.Add(part.Name))
        {
            return GatewayError.InvalidRequest($"'{part.Name}' appears more than once.", part.Name);
        }

        if (_seen.Count > MostParts)
        {
            return GatewayError.InvalidRequest("The form has too many parts.");
        }

        if (NamesAnObject(part.Name))
        {
            return GatewayError.NotAllowed(part.Name, $"'{part.Name}' names something that is checked in JSON bodies only: send it as one.");
        }

        // The provider reads these as text whatever they are sent as; a file of that name is read by nobody here.
        return part.IsFile && part.Name.ToLowerInvariant() is "purpose" or "model"
            ? GatewayError.InvalidRequest($"'{part.Name}' must be a plain field, not a file.", part.Name)
            : null;
    }

    /// <summary>A plain field is here whole.</summary>
    public static GatewayError? Judge(PartHead part, string value) => part.Name.ToLowerInvariant() switch
    {
        "purpose" when part.Name != "purpose" || value is not ("assistants" or "batch" or "fine-tune" or "vision" or "user_data" or "evals") =>
            GatewayError.InvalidRequest("'purpose' must be one of assistants, batch, fine-tune, vision, user_data and evals.", "purpose"),
        "model" => GatewayError.InvalidRequest("'model' is not a field of an upload.", "model"),
        "expires_after[seconds]" when !long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _) =>
            GatewayError.InvalidRequest("'expires_after[seconds]' must be a whole number.", part.Name),
        _ => null,
    };

    /// <summary>Whether a field's name says that it holds an id.</summary>
    public static bool NamesAnObject(string name)
    {
        var plain = name.Replace("[]", "", StringComparison.Ordinal).TrimEnd(']');
        return plain.EndsWith("_id", StringComparison.OrdinalIgnoreCase)
            || plain.EndsWith("_ids", StringComparison.OrdinalIgnoreCase)
            || plain.EndsWith("[id", StringComparison.OrdinalIgnoreCase)
            || plain.Equals("id", StringComparison.OrdinalIgnoreCase);
    }
}
