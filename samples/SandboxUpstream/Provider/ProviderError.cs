using System.Text.Json.Nodes;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>A refusal in the provider's shape.</summary>
internal sealed record ProviderError(
    int Status, string Message, string Type = "invalid_request_error", string? Param = null, string? Code = null)
{
    /// <summary>The model list answers a missing scope with a bare string in place of the error object; clients meet both.</summary>
    public bool IsBare { get; init; }

    public JsonObject ToJson() => new()
    {
        ["error"] = IsBare
            ? JsonValue.Create(Message)
            : new JsonObject { ["message"] = Message, ["type"] = Type, ["param"] = Param, ["code"] = Code },
    };
}
