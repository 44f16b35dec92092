using System.ClientModel.Primitives;
using System.Reflection;

using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.FileProviders;

using TokenBroker.Sdk;

namespace TokenBroker.Samples.WebChat;

/// <summary>A chat app that runs on its users' own AI accounts and never sees an API key.</summary>
public static class WebChatApplication
{
    /// <summary>Builds the app. Wants <c>TokenBroker:Authority</c>, <c>:ClientId</c> and <c>:ClientSecret</c> in the configuration.</summary>
    /// <param name="args">Command line, for example <c>--urls http://localhost:5200</c>.</param>
    /// <param name="customise">Changes the builder of a host that runs the app within itself.</param>
    /// <returns>The app, not started.</returns>
    public static WebApplication Create(string[] args, Action<WebApplicationBuilder>? customise = null)
    {
        var assembly = Assembly.GetExecutingAssembly();
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions
        {
            Args = args,
            ApplicationName = assembly.GetName().Name,
            ContentRootPath = AppContext.BaseDirectory,
        });
        builder.Services.AddDataProtection().SetApplicationName("TokenBroker.Samples.WebChat");

        // 1. Where the broker is, who this app is, and what it asks its users for.
        builder.Services.AddTokenBroker(options =>
        {
            builder.Configuration.Bind("TokenBroker", options);
            options.Scopes = ["openai:chat", "openai:models", "offline_access"];
        });
        customise?.Invoke(builder);

        var app = builder.Build();
        app.UseSecurityHeaders();
        app.UseFileServer(new FileServerOptions { FileProvider = new ManifestEmbeddedFileProvider(assembly, "wwwroot") });

        // 2. Connect, callback and disconnect.
        app.MapTokenBroker().AllowAnonymous();

        // 3. A client per user in place of one API key: new ChatClient(model, apiKey) becomes broker.CreateChatClient(model).
        app.MapPost("/api/chat", ChatAnswer.Start).AllowAnonymous();
        app.MapGet("/api/models", ChatModels.ListAsync).AllowAnonymous();
        return app;
    }

    /// <summary>A person is waiting: say at once that a limit is reached, instead of waiting and trying again.</summary>
    internal static void AnswerAtOnce(OpenAI.OpenAIClientOptions options) => options.RetryPolicy = new ClientRetryPolicy(maxRetries: 0);
}
