using Microsoft.Extensions.Options;
using OpenIddict.Server;
using OpenIddict.Server.AspNetCore;
using TokenBroker.Apps;
using TokenBroker.Authorization.Browsers;
using TokenBroker.Authorization.Carriers;
using TokenBroker.Authorization.ClientAssertions;
using TokenBroker.Authorization.Details;
using TokenBroker.Authorization.Devices;
using TokenBroker.Authorization.Discovery;
using TokenBroker.Authorization.Dpop;
using TokenBroker.Authorization.Exchange;
using TokenBroker.Authorization.Keys;
using TokenBroker.Authorization.PushedRequests;
using TokenBroker.Authorization.Registration;
using TokenBroker.Operations;
using TokenBroker.Storage;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization;

/// <summary>
/// The OAuth server on OpenIddict, with the defaults that are too loose tightened: S256 only, code flow only, codes
/// for 60 seconds, no token in a query or form, and every redemption decided by <see cref="Redemption"/>.
/// </summary>
internal static class AuthorizationSetup
{
    /// <summary>A lost answer may be asked for again for this long; then the same refresh token is a theft.</summary>
    public static readonly TimeSpan RefreshLeeway = TimeSpan.FromSeconds(10);

    public static void AddAuthorizationServer(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<BrokerOptions>()
            .BindConfiguration("Broker")
            .ValidateDataAnnotations()
            .Validate(
                options => options.PublicUrl.IsAbsoluteUri
                    && (options.PublicUrl.Scheme == Uri.UriSchemeHttps || (options.PublicUrl.Scheme == Uri.UriSchemeHttp && options.PublicUrl.IsLoopback)),
                "Broker:PublicUrl must be an absolute https address, such as https://broker.example, or http on loopback.")
            .ValidateOnStart();

        builder.Services.AddServerKeys();
        builder.Services.AddTokenlessLog();
        builder.Services.AddScoped<Redemption>();
        builder.Services.AddScoped<IssuedIdentity>();
        builder.Services.AddScoped<TokenEndpoint>();
        builder.Services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>, UseConfiguration>();
        builder.Services.AddOptions<OpenIddictServerAspNetCoreOptions>().Configure<IOptions<BrokerOptions>>((options, broker) =>
            options.DisableTransportSecurityRequirement = broker.Value.PublicUrl.Scheme == Uri.UriSchemeHttp);

        builder.AddDpop();
        builder.Services.AddPushedRequests();
        builder.Services.AddBrowserAccess();
        builder.Services.AddDevices();
        builder.Services.AddDetails();
        builder.Services.AddExchange();
        builder.Services.AddCarriers();
        builder.AddDiscovery();
        builder.AddClientRegistration();

        builder.Services.AddOpenIddict()
            .AddCore(core =>
            {
                core.UseEntityFrameworkCore()
                    .UseDbContext<BrokerDbContext>()
                    .ReplaceDefaultEntities<App, Grants.Grant, Scope, Token, Guid>();
                core.ReplaceTokenManager<Token, TokenManager>();
                core.ReplaceTokenStore<Token, TokenStore>();
                core.ReplaceApplicationManager<App, AppSecrets>();
            })
            .AddServer(ConfigureServer)
            .AddValidation(validation =>
            {
                validation.UseLocalServer();
                validation.UseDataProtection();
                validation.UseDpop();
                validation.UseAspNetCore().DisableAccessTokenExtractionFromQueryString().DisableAccessTokenExtractionFromBodyForm();
            });
    }

    public static void MapAuthorizationServer(this WebApplication app)
    {
        app.MapPost("/connect/token", (HttpContext context, TokenEndpoint endpoint) => endpoint.HandleAsync(context))
            .AllowAnonymous()
            .DisableAntiforgery();
        app.MapDiscovery();
        app.MapClientRegistration();
    }

    private static void ConfigureServer(OpenIddictServerBuilder server)
    {
        server.SetAuthorizationEndpointUris("connect/authorize")
            .SetTokenEndpointUris("connect/token")
            .SetRevocationEndpointUris("connect/revoke");
        server.AllowAuthorizationCodeFlow().AllowRefreshTokenFlow();
        server.RequireProofKeyForCodeExchange();
        server.SetAuthorizationCodeLifetime(TimeSpan.FromSeconds(60))
            .SetAccessTokenLifetime(IssuedIdentity.AccessTokenLifetime)
            .SetRefreshTokenLifetime(IssuedIdentity.RefreshTokenLifetime)
            .SetIdentityTokenLifetime(TimeSpan.FromMinutes(10))
            .SetRefreshTokenReuseLeeway(RefreshLeeway);
        server.Configure(static options =>
        {
            options.CodeChallengeMethods.Remove(CodeChallengeMethods.Plain);
            options.ResponseModes.Remove(ResponseModes.Fragment);

            // Its page needs an inline script, which no page of ours runs.
            options.ResponseModes.Remove(ResponseModes.FormPost);
        });

        // Only the broker reads its tokens, so they take Data Protection's format: opaque to apps and cheap to check.
        server.UseDataProtection();
        server.UseAspNetCore()
            .EnableAuthorizationEndpointPassthrough()
            .EnableTokenEndpointPassthrough()
            .EnableStatusCodePagesIntegration()
            .SuppressJsonResponseIndentation();

        // The token endpoint redeems by itself, atomically; OpenIddict's own redemption ignores a lost race.
        server.RemoveEventHandler(OpenIddictServerHandlers.RedeemTokenEntry.Descriptor);
        server.AddEventHandler<ApplyTokenResponseContext>(handler => handler
            .UseScopedHandler<CompleteRedemption>()
            .SetOrder(int.MinValue + 100_000));

        // Of handlers with the same order, the one that is added first runs first.
        server.UseDetails();
        server.UseExchange();
        server.UseCarriers();
        server.UseRequestRules();
        server.UsePushedRequests();
        server.UseDevices();
        server.DescribeItself();
        server.AdmitMetadataDocuments();
        server.UseDpop();
        server.UseClientAssertions();
    }

    private sealed class CompleteRedemption(Redemption redemption) : IOpenIddictServerHandler<ApplyTokenResponseContext>
    {
        public async ValueTask HandleAsync(ApplyTokenResponseContext context) =>
            context.Response = context.Request is { } request ? await redemption.CompleteAsync(request, context.Response, context.CancellationToken) : context.Response;
    }

    /// <summary>What the configuration decides.</summary>
    private sealed class UseConfiguration(IOptions<BrokerOptions> broker, Catalogue catalogue, TimeProvider time) : IConfigureOptions<OpenIddictServerOptions>
    {
        public void Configure(OpenIddictServerOptions options)
        {
            options.Issuer = broker.Value.PublicUrl;
            options.TimeProvider = time;
            options.Scopes.UnionWith(catalogue.AllScopes);
        }
    }
}
