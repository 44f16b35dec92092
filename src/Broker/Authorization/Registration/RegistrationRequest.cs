using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace TokenBroker.Authorization.Registration;

/// <summary>What the two registration endpoints have in common: a small body, a Bearer token, JSON that nobody keeps.</summary>
internal static class RegistrationRequest
{
    public const int MostBytes = 16 * 1024;

    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <returns>The body, or the answer to one that cannot be read.</returns>
    public static async Task<(JsonDocument? Json, IResult? Refusal)> ReadAsync(HttpContext context)
    {
        if (!context.Request.HasJsonContentType())
        {
            return (null, Refuse(RegistrationRefusal.Metadata("Send the client metadata as application/json.")));
        }

        // One byte more than may be, however the length was declared.
        var buffer = new byte[MostBytes + 1];
        var length = await context.Request.Body.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, context.RequestAborted);
        if (length > MostBytes)
        {
            return (null, Refuse(RegistrationRefusal.Metadata($"Client metadata is at most {MostBytes / 1024} KB."), StatusCodes.Status413PayloadTooLarge));
        }

        try
        {
            return (JsonDocument.Parse(buffer.AsMemory(0, length), s_strict), null);
        }
        catch (JsonException)
        {
            return (null, Refuse(RegistrationRefusal.Metadata("The body is not JSON that can be read in one way.")));
        }
    }

    public static IResult Refuse(RegistrationRefusal refusal, int status = StatusCodes.Status400BadRequest) =>
        new Answer(new JsonObject { ["error"] = refusal.Error, ["error_description"] = refusal.Description }, status);

    /// <summary>RFC 6750, section 3: the token is missing, or not one that opens this.</summary>
    public static IResult Unauthorized(HttpContext context)
    {
        context.Response.Headers.WWWAuthenticate = BearerToken(context.Request) is null ? "Bearer" : "Bearer error=\"invalid_token\"";
        return new Answer(
            new JsonObject { ["error"] = "invalid_token", ["error_description"] = "Send the right token as 'Authorization: Bearer ...'." },
            StatusCodes.Status401Unauthorized);
    }

    public static IResult Reply(JsonObject json, int status = StatusCodes.Status200OK) => new Answer(json, status);

    public static string? BearerToken(HttpRequest request)
    {
        const string Scheme = "Bearer ";
        return request.Headers.Authorization is [{ } value] && value.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            ? value[Scheme.Length..].Trim()
            : null;
    }

    public static byte[] HashOf(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));

    private sealed class Answer(JsonObject json, int status) : IResult
    {
        public Task ExecuteAsync(HttpContext httpContext)
        {
            ArgumentNullException.ThrowIfNull(httpContext);
            var response = httpContext.Response;
            response.StatusCode = status;
            response.ContentType = "application/json";
            response.Headers.CacheControl = "no-store";
            response.Headers.Pragma = "no-cache";
            return response.WriteAsync(json.ToJsonString(), httpContext.RequestAborted);
        }
    }
}
