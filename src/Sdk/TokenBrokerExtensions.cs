using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

using TokenBroker.Sdk.Connecting;
using TokenBroker.Sdk.Connections;
using TokenBroker.Sdk.Tokens;

namespace TokenBroker.Sdk;

/// <summary>Adds TokenBroker to an ASP.NET Core app.</summary>
public static class TokenBrokerExtensions
{
    /// <summary>
    /// Registers <see cref="TokenBrokerConnection"/> (scoped, the current user's) and <see cref="TokenBrokerConnections"/>
    /// (singleton, for work outside of a request). Tokens are kept in memory unless an <see cref="ITokenStore"/> is
    /// registered as well.
    /// </summary>
    /// <param name="services">The app's services.</param>
    /// <param name="configure">Sets at least <see cref="TokenBrokerOptions.Authority"/>,
    /// <see cref="TokenBrokerOptions.ClientId"/> and <see cref="TokenBrokerOptions.ClientSecret"/>.</param>
    /// <returns>The same services, for chaining.</returns>
    /// <remarks>Wrong options stop the app at its start with an <see cref="OptionsValidationException"/> that says the fix.</remarks>
    public static IServiceCollection AddTokenBroker(this IServiceCollection services, Action<TokenBrokerOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);

        services.AddOptions<TokenBrokerOptions>().Configure(configure).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<TokenBrokerOptions>, TokenBrokerOptionsValidator>());

        services.AddHttpContextAccessor();
        services.AddDataProtection();
        services.AddHttpClient(TokenBrokerDefaults.HttpClientName)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
            .ConfigureAdditionalHttpMessageHandlers(static (handlers, _) => handlers.Clear())
            .RedactLoggedHeaders(static _ => true);

        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ITokenStore, InMemoryTokenStore>();
        services.TryAddSingleton<TokenVault>();
        services.TryAddSingleton<BrokerMetadataCache>();
        services.TryAddSingleton<BrokerClient>();
        services.TryAddSingleton<AccessTokens>();
        services.TryAddSingleton<AppCookies>();
        services.TryAddSingleton<CurrentUser>();
        services.TryAddSingleton<ConnectFlow>();
        services.TryAddSingleton(static provider => new TokenBrokerConnections(
            provider.GetRequiredService<AccessTokens>(),
            provider.GetRequiredService<CurrentUser>(),
            provider.GetRequiredService<IHttpContextAccessor>(),
            provider.GetRequiredService<IHttpClientFactory>(),
            provider.GetRequiredService<IOptions<TokenBrokerOptions>>()));
        services.TryAddScoped(static provider => provider.GetRequiredService<TokenBrokerConnections>().ForCurrentRequest());
        return services;
    }

    /// <summary>
    /// Maps <see cref="TokenBrokerDefaults.ConnectPath"/>, <see cref="TokenBrokerDefaults.CallbackPath"/> and
    /// <see cref="TokenBrokerDefaults.DisconnectPath"/>.
    /// </summary>
    /// <param name="endpoints">The app.</param>
    /// <returns>A builder for all three: call <c>RequireAuthorization()</c> where only signed-in users may connect, or
    /// <c>AllowAnonymous()</c> to say that anybody may.</returns>
    public static IEndpointConventionBuilder MapTokenBroker(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);

        var group = endpoints.MapGroup("").ExcludeFromDescription().AddEndpointFilter(SameOrigin.Guard);
        group.MapMethods(TokenBrokerDefaults.ConnectPath, [HttpMethods.Get, HttpMethods.Post], static (HttpContext http, ConnectFlow flow) => flow.StartAsync(http));
        group.MapGet(TokenBrokerDefaults.CallbackPath, static (HttpContext http, ConnectFlow flow) => flow.CompleteAsync(http));
        group.MapPost(TokenBrokerDefaults.DisconnectPath, static (HttpContext http, ConnectFlow flow) => flow.EndAsync(http));
        return group;
    }
}
