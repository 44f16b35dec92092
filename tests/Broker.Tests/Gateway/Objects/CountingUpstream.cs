using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TokenBroker.Tests.Gateway.Objects;

/// <summary>A provider that takes files of any size and tells how much of one has come so far.</summary>
public sealed class CountingUpstream : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _received;

    private CountingUpstream(WebApplication app) => _app = app;

    /// <summary>Bytes of the upload's body that are here.</summary>
    public long Received => Interlocked.Read(ref _received);

    public string BaseUrl => _app.Urls.First() + "/v1";

    /// <summary>Done once a part of a file is here.</summary>
    public Task Begun => _begun.Task;

    /// <summary>Whether the upload came to its end.</summary>
    public Task<bool> Whole => _ended.Task;

    public static async Task<CountingUpstream> StartAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0").ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var upstream = new CountingUpstream(app);
        app.Run(upstream.AnswerAsync);
        await app.StartAsync();
        return upstream;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        if (HttpMethods.IsGet(context.Request.Method))
        {
            await context.Response.WriteAsync("""{"object":"list","data":[]}""");
            return;
        }

        try
        {
            var buffer = new byte[128 * 1024];
            int read;
            while ((read = await context.Request.Body.ReadAsync(buffer)) > 0)
            {
                if (Interlocked.Add(ref _received, read) > 200_000)
                {
                    _begun.TrySetResult();
                }
            }
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException or BadHttpRequestException)
        {
            _ended.TrySetResult(false);
            return;
        }

        _ended.TrySetResult(true);
        await context.Response.WriteAsync("""{"id":"file-counted","object":"file"}""");
    }
}
