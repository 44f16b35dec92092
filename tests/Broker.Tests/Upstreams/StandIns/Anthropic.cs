using System.Collections.Concurrent;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TokenBroker.Tests.Upstreams.StandIns;

/// <summary>What Anthropic's API received, headers by lower-case name.</summary>
public sealed record AnthropicCall(string Path, Dictionary<string, string> Headers, JsonObject? Body);

/// <summary>
/// Anthropic's Messages API as its documentation describes it: the key in <c>x-api-key</c>, a version that must be named,
/// <c>max_tokens</c> that must be given, no member that it does not know, and usage in two events of a stream.
/// </summary>
public sealed class Anthropic : IAsyncDisposable
{
    public const string Text = "Plums are drupes.";

    private static readonly string[] Members =
    [
        "model", "messages", "max_tokens", "metadata", "service_tier", "stop_sequences", "stream", "system", "temperature", "thinking", "tool_choice",
        "tools", "top_k", "top_p",
    ];

    private readonly WebApplication _app;

    private Anthropic(WebApplication app) => _app = app;

    public string Address => _app.Urls.First();

    public ConcurrentQueue<AnthropicCall> Calls { get; } = new();

    /// <summary>Set to hold a stream before its last events.</summary>
    public TaskCompletionSource? Hold { get; set; }

    public static async Task<Anthropic> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var anthropic = new Anthropic(app);
        app.MapGet("/v1/models", anthropic.ModelsAsync);
        app.MapPost("/v1/messages", anthropic.MessagesAsync);
        await app.StartAsync();
        return anthropic;
    }

    public async ValueTask DisposeAsync()
    {
        Hold?.TrySetResult();
        await _app.StopAsync();
        await _app.DisposeAsync();
    }

    private async Task ModelsAsync(HttpContext context)
    {
        if (await AdmitAsync(context))
        {
            await context.Response.WriteAsJsonAsync(new { data = new[] { new { type = "model", id = "claude-haiku-4-5" } }, has_more = false });
        }
    }

    private async Task MessagesAsync(HttpContext context)
    {
        if (!await AdmitAsync(context))
        {
            return;
        }

        var body = (await JsonNode.ParseAsync(context.Request.Body))!.AsObject();
        Calls.Enqueue(new AnthropicCall(context.Request.Path, HeadersOf(context), body));
        var complaint = body.Select(member => member.Key).FirstOrDefault(name => !Members.Contains(name)) is { } unknown ? $"{unknown}: Extra inputs are not permitted"
            : body["max_tokens"]?.GetValueKind() != JsonValueKind.Number ? "max_tokens: Field required"
            : body["messages"] is not JsonArray { Count: > 0 } ? "messages: Field required"
            : body["metadata"] is JsonObject metadata && metadata.Any(m => m.Key != "user_id") ? "metadata: Extra inputs are not permitted"
            : null;
        if (complaint is not null)
        {
            await RefuseAsync(context, 400, "invalid_request_error", complaint);
            return;
        }

        var output = Math.Min(body["max_tokens"]!.GetValue<int>(), 12);
        if (body["stream"]?.GetValue<bool>() == true)
        {
            await StreamAsync(context, body["model"]!.GetValue<string>(), output);
            return;
        }

        await context.Response.WriteAsJsonAsync(new
        {
            id = "msg_01",
            type = "message",
            role = "assistant",
            model = body["model"]!.GetValue<string>(),
            content = new[] { new { type = "text", text = Text } },
            stop_reason = "end_turn",
            stop_sequence = (string?)null,
            usage = UsageOf(output),
        });
    }

    private async Task StreamAsync(HttpContext context, string model, int output)
    {
        context.Response.ContentType = "text/event-stream; charset=utf-8";
        await EventAsync(context, "message_start", new { type = "message_start", message = new { id = "msg_01", type = "message", role = "assistant", model, content = Array.Empty<object>(), stop_reason = (string?)null, usage = UsageOf(1) } });
        await EventAsync(context, "content_block_start", new { type = "content_block_start", index = 0, content_block = new { type = "text", text = "" } });
        await EventAsync(context, "content_block_delta", new { type = "content_block_delta", index = 0, delta = new { type = "text_delta", text = Text } });
        if (Hold is { } hold)
        {
            await hold.Task.WaitAsync(context.RequestAborted);
        }

        await EventAsync(context, "content_block_stop", new { type = "content_block_stop", index = 0 });
        await EventAsync(context, "message_delta", new { type = "message_delta", delta = new { stop_reason = "end_turn", stop_sequence = (string?)null }, usage = new { output_tokens = output } });
        await EventAsync(context, "message_stop", new { type = "message_stop" });
    }

    private static async Task EventAsync(HttpContext context, string name, object data)
    {
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($"event: {name}\ndata: {JsonSerializer.Serialize(data)}\n\n"), context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    /// <summary>100 as text, 2,000 read from the cache and 500 written to it, 200 of those for an hour.</summary>
    private static object UsageOf(int output) => new
    {
        input_tokens = 100,
        cache_creation_input_tokens = 500,
        cache_read_input_tokens = 2000,
        cache_creation = new { ephemeral_5m_input_tokens = 300, ephemeral_1h_input_tokens = 200 },
        output_tokens = output,
        service_tier = "standard",
    };

    private static async Task<bool> AdmitAsync(HttpContext context)
    {
        var headers = context.Request.Headers;
        if (headers["x-api-key"] is not [{ } key] || !key.StartsWith("sk-ant-", StringComparison.Ordinal) || headers.Authorization.Count > 0)
        {
            await RefuseAsync(context, 401, "authentication_error", "invalid x-api-key");
            return false;
        }

        if (headers["anthropic-version"] is not ["2023-06-01"])
        {
            await RefuseAsync(context, 400, "invalid_request_error", "anthropic-version: header is required");
            return false;
        }

        return true;
    }

    private static Task RefuseAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        return context.Response.WriteAsJsonAsync(new { type = "error", error = new { type, message } });
    }

    private static Dictionary<string, string> HeadersOf(HttpContext context) =>
        context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString());
}
