namespace TokenBroker.Operations;

/// <summary>
/// <see cref="IHttpContextAccessor"/> for pages and the authorization server alone. The host would set it for every
/// request, and then could use no request's context again for the next: a cost that each call would have for nothing.
/// </summary>
internal static class CurrentContext
{
    public static void AddCurrentContext(this WebApplicationBuilder builder)
    {
        builder.Services.AddHttpContextAccessor();
        builder.Services.AddSingleton<IHttpContextFactory>(services => new DefaultHttpContextFactory(new WithoutAccessor(services)));
    }

    public static void UseCurrentContext(this WebApplication app)
    {
        var accessor = app.Services.GetRequiredService<IHttpContextAccessor>();
        app.Use(async (context, next) =>
        {
            accessor.HttpContext = context;
            try
            {
                await next(context);
            }
            finally
            {
                // What goes on after the request must not meet the next one in its place.
                accessor.HttpContext = null;
            }
        });
    }

    private sealed class WithoutAccessor(IServiceProvider services) : IServiceProvider
    {
        public object? GetService(Type serviceType) => serviceType == typeof(IHttpContextAccessor) ? null : services.GetService(serviceType);
    }
}
