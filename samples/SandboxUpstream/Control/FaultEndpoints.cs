using System.Text.Json;
using System.Text.Json.Serialization;

namespace TokenBroker.Samples.SandboxUpstream.Control;

/// <summary>The fault queue over HTTP.</summary>
internal static class FaultEndpoints
{
    private static readonly JsonSerializerOptions Json =
        new(JsonSerializerDefaults.Web) { UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow };

    public static void MapFaults(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/_sandbox/faults", (Faults faults) => Results.Json(new { faults.Pending, Known = Faults.Names }, Json));
        routes.MapPost("/_sandbox/faults", PlanAsync);
        routes.MapDelete("/_sandbox/faults", (Faults faults) =>
        {
            faults.Clear();
            return Results.NoContent();
        });
    }

    private static async Task<IResult> PlanAsync(HttpRequest request, Faults faults)
    {
        // A page in the developer's browser can post a form here, but not JSON.
        if (!request.HasJsonContentType())
        {
            return Results.Json(new { Error = "Send application/json." }, Json, statusCode: StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            var wish = await request.ReadFromJsonAsync<Wish>(Json, request.HttpContext.RequestAborted);
            if (wish is null || !Faults.TryParse(wish.Fault, out var kind) || wish.Count < 1)
            {
                return Refuse("Name a known fault, and a count of 1 or more.");
            }

            faults.Next(wish.ToFault(kind.Value), wish.Count, wish.Path);
            return Results.Json(new { faults.Pending }, Json);
        }
        catch (JsonException exception)
        {
            return Refuse(exception.Message);
        }
    }

    private static IResult Refuse(string why) =>
        Results.Json(new { Error = why, Known = Faults.Names }, Json, statusCode: StatusCodes.Status400BadRequest);

    private sealed record Wish(
        string? Fault, int Count = 1, string? Path = null, int? AfterEvents = null, double? RetryAfterSeconds = null, double? PauseSeconds = null, Uri? Location = null)
    {
        public Fault ToFault(FaultKind kind)
        {
            var fault = new Fault(kind);
            return fault with
            {
                AfterEvents = AfterEvents ?? fault.AfterEvents,
                RetryAfter = RetryAfterSeconds is { } retry ? TimeSpan.FromSeconds(retry) : fault.RetryAfter,
                Pause = PauseSeconds is { } pause ? TimeSpan.FromSeconds(pause) : fault.Pause,
                Location = Location is { IsAbsoluteUri: true } ? Location : fault.Location,
            };
        }
    }
}
