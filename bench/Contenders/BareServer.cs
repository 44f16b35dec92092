namespace TokenBroker.Bench.Contenders;

/// <summary>What all roles start from: Kestrel with the broker's limits, and no log below a warning.</summary>
internal static class BareServer
{
    public static WebApplicationBuilder NewBuilder(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Limits.MaxRequestHeadersTotalSize = 32 * 1024;
            kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        });
        return builder;
    }

    public static string Required(this IConfiguration configuration, string name) =>
        configuration[name] ?? throw new InvalidOperationException($"--{name}=... is missing.");
}
