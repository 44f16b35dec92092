using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>
/// Reads the parameters of a request and keeps the first thing that is wrong with them. Reading goes on after an error with
/// harmless values, so an operation reads all that it needs and then looks once at <see cref="Error"/>.
/// </summary>
internal sealed class Parameters(JsonObject values, bool isForm = false)
{
    public ProviderError? Error { get; private set; }

    public JsonObject Values => values;

    public bool Has(string name) => values[name] is not null;

    /// <summary>Keeps an error unless there is one already: the provider, too, reports only the first.</summary>
    public void Refuse(ProviderError error) => Error ??= error;

    /// <summary>Refuses when <paramref name="isWrong"/>.</summary>
    public void RefuseIf(bool isWrong, Func<ProviderError> error)
    {
        if (isWrong)
        {
            Refuse(error());
        }
    }

    public string? Text(string name)
    {
        if (values[name] is not { } node)
        {
            return null;
        }

        if (node.GetValueKind() == JsonValueKind.String)
        {
            return node.GetValue<string>();
        }

        Refuse(ProviderErrors.InvalidType(name, "a string", KindOf(node)));
        return null;
    }

    public string RequiredText(string name)
    {
        var text = Text(name);
        RefuseIf(text is null, () => ProviderErrors.MissingParameter(name));
        return text ?? "";
    }

    public string OneOf(string name, string otherwise, params string[] supported)
    {
        var text = Text(name);
        RefuseIf(text is not null && !supported.Contains(text), () => ProviderErrors.InvalidValue(name, text!, supported));
        return text ?? otherwise;
    }

    public bool Flag(string name, bool otherwise = false)
    {
        if (values[name] is not { } node)
        {
            return otherwise;
        }

        if (node.GetValueKind() is JsonValueKind.True or JsonValueKind.False)
        {
            return node.GetValue<bool>();
        }

        if (isForm && bool.TryParse(node.GetValue<string>(), out var parsed))
        {
            return parsed;
        }

        Refuse(ProviderErrors.InvalidType(name, "a boolean", KindOf(node)));
        return otherwise;
    }

    public int? Integer(string name, int minimum = int.MinValue, int maximum = int.MaxValue)
    {
        if (values[name] is not { } node)
        {
            return null;
        }

        if (Numeric(node) is not { } number || number != Math.Truncate(number) || Math.Abs(number) > int.MaxValue)
        {
            Refuse(ProviderErrors.InvalidType(name, "an integer", KindOf(node)));
            return null;
        }

        CheckRange(name, "integer", number, minimum, maximum);
        return (int)number;
    }

    public double? Number(string name, double minimum, double maximum)
    {
        if (values[name] is not { } node)
        {
            return null;
        }

        if (Numeric(node) is not { } number)
        {
            Refuse(ProviderErrors.InvalidType(name, "a decimal", KindOf(node)));
            return null;
        }

        CheckRange(name, "decimal", number, minimum, maximum);
        return number;
    }

    public JsonArray? Array(string name) => Typed<JsonArray>(name, "an array");

    public JsonObject? Object(string name) => Typed<JsonObject>(name, "an object");

    /// <summary>The model asked for, which must exist and be able to do what is wanted.</summary>
    public Model? Model(Abilities wanted, string? otherwise = null)
    {
        var name = Text("model") ?? otherwise;
        if (string.IsNullOrEmpty(name))
        {
            Refuse(ProviderErrors.MissingModel);
            return null;
        }

        var model = ModelList.Find(name);
        RefuseIf(model is null, () => ProviderErrors.ModelNotFound(name));
        RefuseIf(model is not null && !model.Abilities.HasFlag(wanted), () => ModelList.Unable(model!, wanted));
        return model;
    }

    /// <summary>Refuses any name that the operation does not have.</summary>
    public void AllowOnly(IReadOnlySet<string> known, string prefix = "") => RefuseIf(
        values.Any(v => !known.Contains(v.Key)),
        () => ProviderErrors.UnknownParameter(prefix + values.First(v => !known.Contains(v.Key)).Key));

    /// <summary>Whether the answer is to be streamed, and whether <c>stream_options</c> asks for usage.</summary>
    public (bool Stream, bool WithUsage) Streaming()
    {
        var stream = Flag("stream");
        var options = Object("stream_options");
        RefuseIf(options is not null && !stream, () => ProviderErrors.StreamOptionsWithoutStream);
        if (options is null)
        {
            return (stream, false);
        }

        var nested = new Parameters(options);
        var withUsage = nested.Flag("include_usage");
        nested.Flag("include_obfuscation");
        nested.AllowOnly(new HashSet<string>(StringComparer.Ordinal) { "include_usage", "include_obfuscation" }, "stream_options.");
        RefuseIf(nested.Error is not null, () => nested.Error!);
        return (stream, withUsage);
    }

    public static string KindOf(JsonNode? node) => node?.GetValueKind() switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        JsonValueKind.String => "a string",
        JsonValueKind.Number => "a number",
        JsonValueKind.True or JsonValueKind.False => "a boolean",
        _ => "null",
    };

    private void CheckRange(string name, string kind, double number, double minimum, double maximum)
    {
        RefuseIf(number < minimum, () => ProviderErrors.OutOfRange(name, kind, minimum, number, above: false));
        RefuseIf(number > maximum, () => ProviderErrors.OutOfRange(name, kind, maximum, number, above: true));
    }

    private double? Numeric(JsonNode node) => node.GetValueKind() switch
    {
        JsonValueKind.Number => node.GetValue<double>(),
        JsonValueKind.String when isForm && double.TryParse(
            node.GetValue<string>(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        _ => null,
    };

    private T? Typed<T>(string name, string expected)
        where T : JsonNode
    {
        var node = values[name];
        RefuseIf(node is not (null or T), () => ProviderErrors.InvalidType(name, expected, KindOf(node)));
        return node as T;
    }
}
