using System.Text.Encodings.Web;
using System.Text.Json;

namespace TokenBroker.Gateway;

/// <summary>A refusal as an event of the API's own shape, so that clients read it as they read the provider's.</summary>
internal static class ErrorEvent
{
    private static readonly JsonWriterOptions s_relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <param name="error">What was refused, or ended the session.</param>
    /// <param name="baseAddress">The broker's address, for the link into the portal.</param>
    /// <param name="requestId">The session's id.</param>
    /// <param name="answers">The app's event that it is about, where that had an id.</param>
    public static byte[] Of(GatewayError error, string baseAddress, string requestId, string? answers = null)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_relaxed))
        {
            json.WriteStartObject();
            json.WriteString("type", "error");
            json.WriteString("event_id", "event_" + Guid.CreateVersion7().ToString("N"));
            json.WriteStartObject("error");
            error.WriteMembers(json, baseAddress);
            json.WriteString("event_id", answers);
            json.WriteEndObject();
            json.WriteString("request_id", requestId);
            json.WriteEndObject();
        }

        return stream.ToArray();
    }
}
