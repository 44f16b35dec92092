using System.ClientModel.Primitives;
using System.Text.Json;

namespace TokenBroker.Sdk.Gateway;

/// <summary>
/// One error of the broker. The gateway's are <c>{"error":{"message","type","code","param"},"request_id"}</c>; the model
/// provider's have the same <c>error</c> but no <c>request_id</c>, and are left to openai-dotnet.
/// </summary>
internal sealed record BrokerError(string Code, string Message, int Status, string? RequestId = null, Uri? PortalUrl = null)
{
    private static readonly HashSet<string> GatewayCodes = new(StringComparer.Ordinal)
    {
        "invalid_token", "grant_revoked", "grant_paused", "insufficient_scope", "model_not_allowed", "operation_not_allowed",
        "budget_exhausted", "rate_limited", "content_flagged", "upstream_key_rejected", "upstream_unavailable",
        "upstream_timeout", "request_too_large",
    };

    /// <summary>Reads a buffered error response; null where it is not the gateway's.</summary>
    public static BrokerError? Read(PipelineResponse response, Uri authority)
    {
        try
        {
            using var json = JsonDocument.Parse(response.Content);
            if (json.RootElement.ValueKind != JsonValueKind.Object
                || !json.RootElement.TryGetProperty("error", out var error)
                || Text(error, "code") is not { } code)
            {
                return null;
            }

            var requestId = Text(json.RootElement, "request_id");
            if (requestId is null && !GatewayCodes.Contains(code))
            {
                return null;
            }

            var message = Text(error, "message") ?? $"The broker refused the call ({code}).";
            return new BrokerError(code, message, response.Status, requestId, PortalLink(Text(error, "portal_url"), message, authority));
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public TokenBrokerException ToException(PipelineResponse? response) => Code switch
    {
        "grant_revoked" => new GrantRevokedException(this, response),
        "grant_paused" => new GrantPausedException(this, response),
        "budget_exhausted" => new BudgetExhaustedException(this, response),
        "insufficient_scope" => new InsufficientScopeException(this, response),
        "model_not_allowed" => new ModelNotAllowedException(this, response),
        "rate_limited" => new RateLimitedException(this, response),
        _ => new TokenBrokerException(this, response, null),
    };

    private static string? Text(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String
            ? value.GetString()
            : null;

    /// <summary>The link into the portal, named or within the message. Apps show it, so it must lie on the broker's origin.</summary>
    private static Uri? PortalLink(string? named, string message, Uri authority)
    {
        var candidate = named;
        if (candidate is null)
        {
            var origin = authority.GetLeftPart(UriPartial.Authority);
            var start = message.IndexOf(origin + "/", StringComparison.Ordinal);
            candidate = start < 0 ? null : message[start..].Split([' ', '\n', '"', ')', '>', ']'], 2)[0].TrimEnd('.', ',', ';', ':', '!', '?');
        }

        return Uri.TryCreate(candidate, UriKind.Absolute, out var link) && Origin.Same(link, authority) ? link : null;
    }
}
