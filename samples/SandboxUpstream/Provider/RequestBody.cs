using System.Net.Mime;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.Net.Http.Headers;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>Turns the received bytes into <see cref="Parameters"/>: the right content type, a well-formed body, known names only.</summary>
internal static class RequestBody
{
    public static Parameters ReadJson(Call call, IReadOnlySet<string> known)
    {
        if (Type(call) is not { } type || !type.MediaType.Equals(MediaTypeNames.Application.Json, StringComparison.OrdinalIgnoreCase))
        {
            return Broken(ProviderErrors.WrongContentType(MediaTypeNames.Application.Json, call.Context.Request.ContentType));
        }

        try
        {
            using var document = JsonDocument.Parse(call.Body);
            if (ToNode(document.RootElement) is not JsonObject body)
            {
                return Broken(ProviderErrors.InvalidJson);
            }

            var parameters = new Parameters(body);
            parameters.AllowOnly(known);
            return parameters;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The second is thrown for half a surrogate pair, which is no text.
            return Broken(ProviderErrors.InvalidJson);
        }
    }

    /// <summary>Reads a multipart form; its files come separately.</summary>
    public static async Task<(Parameters Parameters, IFormFileCollection Files)> ReadFormAsync(Call call, IReadOnlySet<string> known)
    {
        const string wanted = "multipart/form-data";
        if (Type(call) is not { } type || !type.MediaType.Equals(wanted, StringComparison.OrdinalIgnoreCase))
        {
            return (Broken(ProviderErrors.WrongContentType(wanted, call.Context.Request.ContentType)), new FormFileCollection());
        }

        try
        {
            call.Context.Request.Body = new MemoryStream(call.Body.ToArray());
            var form = await call.Context.Request.ReadFormAsync(call.Ended);
            var values = new JsonObject();
            foreach (var (name, value) in form)
            {
                // Lists come as name[]; they keep that name so that what is known is compared exactly.
                values[name] = name.EndsWith("[]", StringComparison.Ordinal)
                    ? new JsonArray([.. value.Select(v => JsonValue.Create(v))])
                    : JsonValue.Create(value.ToString());
            }

            var parameters = new Parameters(values, isForm: true);
            parameters.AllowOnly(known);
            parameters.RefuseIf(
                form.Files.FirstOrDefault(f => !known.Contains(f.Name)) is not null,
                () => ProviderErrors.UnknownParameter(form.Files.First(f => !known.Contains(f.Name)).Name));
            return (parameters, form.Files);
        }
        catch (Exception exception) when (exception is InvalidDataException or IOException)
        {
            return (Broken(ProviderErrors.InvalidForm), new FormFileCollection());
        }
    }

    /// <summary>
    /// Where a name stands twice the last one counts, as it does for the provider: a broker that reads the first one is
    /// deceived here just as it would be there.
    /// </summary>
    private static JsonNode? ToNode(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.Object:
                var json = new JsonObject();
                foreach (var property in element.EnumerateObject())
                {
                    json[property.Name] = ToNode(property.Value);
                }

                return json;
            case JsonValueKind.Array:
                return new JsonArray([.. element.EnumerateArray().Select(ToNode)]);
            case JsonValueKind.Null:
                return null;
            case JsonValueKind.String:
                return JsonValue.Create(element.GetString());
            default:
                return JsonValue.Create(element.Clone());
        }
    }

    private static MediaTypeHeaderValue? Type(Call call) =>
        MediaTypeHeaderValue.TryParse(call.Context.Request.ContentType, out var type) ? type : null;

    private static Parameters Broken(ProviderError error)
    {
        var parameters = new Parameters([]);
        parameters.Refuse(error);
        return parameters;
    }
}
