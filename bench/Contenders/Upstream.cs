using System.Buffers;
using System.Text;

namespace TokenBroker.Bench.Contenders;

/// <summary>
/// The provider that all contenders stand in front of: a chat completion of 1 KB with usage, or a short stream, or a
/// stream that is held open with an event now and then. It takes one key and refuses every other, so that a contender
/// that did not replace the credential shows up as errors and not as speed.
/// </summary>
internal static class Upstream
{
    private const int AnswerSize = 1024;
    private static readonly TimeSpan BetweenHeldEvents = TimeSpan.FromSeconds(5);
    private static readonly byte[] Models = Encoding.ASCII.GetBytes("""{"object":"list","data":[{"id":"gpt-4o-mini","object":"model","created":1721172741,"owned_by":"system"}]}""");
    private static readonly byte[] Answer = MakeAnswer();
    private static readonly byte[] FirstEvent = Event("""{"index":0,"delta":{"role":"assistant","content":"Certainly"},"finish_reason":null}""", "null");
    private static readonly byte[] HeldEvent = Event("""{"index":0,"delta":{"content":" and"},"finish_reason":null}""", "null");
    private static readonly byte[] LastEvents =
    [
        .. Event("""{"index":0,"delta":{},"finish_reason":"stop"}""", "null"),
        .. Event(null, """{"prompt_tokens":212,"completion_tokens":148,"total_tokens":360}"""),
        .. "data: [DONE]\n\n"u8,
    ];

    public static WebApplication Create(string[] args)
    {
        var builder = BareServer.NewBuilder(args);
        var app = builder.Build();
        var credential = "Bearer " + app.Configuration.Required("key");
        app.Run(context => HandleAsync(context, credential));
        return app;
    }

    private static Task HandleAsync(HttpContext context, string credential)
    {
        if (!string.Equals(context.Request.Headers.Authorization.ToString(), credential, StringComparison.Ordinal))
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return Task.CompletedTask;
        }

        return context.Request.Path.Value switch
        {
            "/v1/chat/completions" => CompleteAsync(context),
            "/v1/models" => WriteAsync(context, Models),
            _ => NotFound(context),
        };
    }

    private static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static async Task CompleteAsync(HttpContext context)
    {
        var (streams, holds) = await ReadAsync(context.Request);
        if (!streams)
        {
            await WriteAsync(context, Answer);
            return;
        }

        var response = context.Response;
        response.ContentType = "text/event-stream; charset=utf-8";

        // So that nginx passes each event on as it comes, as the others do.
        response.Headers["X-Accel-Buffering"] = "no";
        try
        {
            await response.BodyWriter.WriteAsync(FirstEvent, context.RequestAborted);
            using var pause = new PeriodicTimer(BetweenHeldEvents);
            while (holds && await pause.WaitForNextTickAsync(context.RequestAborted))
            {
                await response.BodyWriter.WriteAsync(HeldEvent, context.RequestAborted);
            }

            await response.BodyWriter.WriteAsync(LastEvents, context.RequestAborted);
        }
        catch (OperationCanceledException)
        {
            // The stream was cut: that is what some of them are for.
        }
    }

    private static async ValueTask<(bool Streams, bool Holds)> ReadAsync(HttpRequest request)
    {
        while (true)
        {
            var result = await request.BodyReader.ReadAsync(request.HttpContext.RequestAborted);
            if (!result.IsCompleted)
            {
                request.BodyReader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
                continue;
            }

            var body = result.Buffer.IsSingleSegment ? result.Buffer.FirstSpan : result.Buffer.ToArray();
            var found = (body.IndexOf("\"stream\":true"u8) >= 0, body.IndexOf("[[hold]]"u8) >= 0);
            request.BodyReader.AdvanceTo(result.Buffer.End);
            return found;
        }
    }

    private static async Task WriteAsync(HttpContext context, byte[] json)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = json.Length;
        await context.Response.BodyWriter.WriteAsync(json, context.RequestAborted);
    }

    private static byte[] MakeAnswer()
    {
        const string Before = """{"id":"chatcmpl-9xQyZ1","object":"chat.completion","created":1730000000,"model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":" """;
        const string After = """ ","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":212,"completion_tokens":148,"total_tokens":360,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"service_tier":"default","system_fingerprint":"fp_72ed7ab54c"}""";
        var text = new StringBuilder(Before.TrimEnd());
        while (text.Length < AnswerSize - After.Length)
        {
            text.Append("The quick brown fox jumps over the lazy dog. "[text.Length % 45]);
        }

        return Encoding.ASCII.GetBytes(text.Append(After.AsSpan(1)).Append(' ').ToString());
    }

    private static byte[] Event(string? choice, string usage) => Encoding.ASCII.GetBytes(
        $$"""data: {"id":"chatcmpl-9xQyZ1","object":"chat.completion.chunk","created":1730000000,"model":"gpt-4o-mini-2024-07-18","choices":[{{choice}}],"usage":{{usage}}}""" + "\n\n");
}
