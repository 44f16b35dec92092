using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http.HttpResults;

namespace TokenBroker.Apps.Api;

/// <summary>A JSON body, or the answer to one that cannot be taken.</summary>
internal readonly record struct ApiBody<T>(T? Value, ProblemHttpResult? Problem)
    where T : class;

/// <summary>
/// How the management API reads and writes: snake_case, nothing that it does not know (a misspelt member would be a
/// setting that silently does not hold), and problem details (RFC 9457) that name the field.
/// </summary>
internal static class ApiBody
{
    public const int MostBytes = 32 * 1024;

    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        PropertyNameCaseInsensitive = false,
        NumberHandling = JsonNumberHandling.Strict,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        AllowDuplicateProperties = false,
        RespectNullableAnnotations = true,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        MaxDepth = 16,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) },
    };

    public static async Task<ApiBody<T>> ReadAsync<T>(HttpContext context)
        where T : class
    {
        if (!context.Request.HasJsonContentType())
        {
            return Refuse<T>(StatusCodes.Status415UnsupportedMediaType, "Send JSON, with Content-Type: application/json.");
        }

        try
        {
            return await JsonSerializer.DeserializeAsync<T>(context.Request.Body, Json, context.RequestAborted) is { } value
                ? new ApiBody<T>(value, null)
                : Refuse<T>(StatusCodes.Status400BadRequest, "Send a JSON object.");
        }
        catch (JsonException exception)
        {
            return Refuse<T>(StatusCodes.Status400BadRequest, $"The body is not what this address takes, at {exception.Path ?? "its end"}.");
        }
        catch (BadHttpRequestException exception)
        {
            return Refuse<T>(exception.StatusCode, $"The body is broken, or larger than {MostBytes / 1024} KB.");
        }
    }

    public static JsonHttpResult<T> Write<T>(T value, int status = StatusCodes.Status200OK) => TypedResults.Json(value, Json, statusCode: status);

    public static ProblemHttpResult NotFound() => TypedResults.Problem("There is nothing at this address, or it is not yours.", statusCode: StatusCodes.Status404NotFound);

    public static ProblemHttpResult Conflict(string detail) => TypedResults.Problem(detail, statusCode: StatusCodes.Status409Conflict);

    /// <summary>What is wrong, by the field as the API spells it.</summary>
    public static ProblemHttpResult Refuse(IEnumerable<AppComplaint> complaints) => TypedResults.Problem(new HttpValidationProblemDetails(complaints
        .GroupBy(c => JsonNamingPolicy.SnakeCaseLower.ConvertName(c.Field), c => $"The app {c.Message}.")
        .ToDictionary(group => group.Key, group => group.ToArray()))
    {
        Status = StatusCodes.Status400BadRequest,
        Title = "The app was not accepted.",
    });

    private static ApiBody<T> Refuse<T>(int status, string detail)
        where T : class => new(null, TypedResults.Problem(detail, statusCode: status));
}
