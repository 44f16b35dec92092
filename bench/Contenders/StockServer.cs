using System.Security.Claims;
using Microsoft.AspNetCore;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server.AspNetCore;
using OpenIddict.Validation.AspNetCore;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Bench.Contenders;

/// <summary>
/// OpenIddict as its documentation sets it up, on SQLite as the broker uses it: a confidential client with a secret
/// (PBKDF2), code flow and refresh tokens, RS256. Whoever comes is signed in and has consented. It validates its own access tokens for nginx.
/// </summary>
internal static class StockServer
{
    public static async Task<WebApplication> CreateAsync(string[] args)
    {
        var builder = BareServer.NewBuilder(args);
        builder.WebHost.UseKestrelHttpsConfiguration();
        var connection = new SqliteConnectionStringBuilder { DataSource = builder.Configuration.Required("database"), ForeignKeys = true, DefaultTimeout = 15 };
        builder.Services.AddDbContext<DbContext>(options => options.UseSqlite(connection.ConnectionString).UseOpenIddict());
        builder.Services.AddAuthentication();
        builder.Services.AddAuthorization();
        builder.Services.AddOpenIddict()
            .AddCore(core => core.UseEntityFrameworkCore().UseDbContext<DbContext>())
            .AddServer(server =>
            {
                server.SetAuthorizationEndpointUris("connect/authorize").SetTokenEndpointUris("connect/token");
                server.AllowAuthorizationCodeFlow().AllowRefreshTokenFlow().RequireProofKeyForCodeExchange();
                server.RegisterScopes("api");

                // Tokens are also looked at by requests that came through nginx, under another name.
                server.SetIssuer(new Uri(builder.Configuration.Required("urls")));
                server.AddEphemeralEncryptionKey().AddEphemeralSigningKey();
                server.UseAspNetCore().EnableAuthorizationEndpointPassthrough().EnableTokenEndpointPassthrough().DisableTransportSecurityRequirement();
            });
        builder.Services.AddOpenIddict().AddValidation(validation =>
        {
            validation.UseLocalServer();
            validation.UseAspNetCore();
        });
        var app = builder.Build();
        await PrepareAsync(app);
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapGet("/connect/authorize", Authorize);
        app.MapPost("/connect/token", (Delegate)ExchangeAsync);

        // What nginx's auth_request asks: is this access token valid? By its signature and claims, without a look-up of its entry.
        app.MapGet("/authorize", static () => Results.NoContent())
            .RequireAuthorization(policy => policy.AddAuthenticationSchemes(OpenIddictValidationAspNetCoreDefaults.AuthenticationScheme).RequireAuthenticatedUser());
        return app;
    }

    private static IResult Authorize(HttpContext context)
    {
        var request = context.GetOpenIddictServerRequest()!;
        var identity = new ClaimsIdentity("bench", Claims.Name, Claims.Role);
        identity.SetClaim(Claims.Subject, context.Request.Query["login_hint"].ToString() is { Length: > 0 } who ? who : "somebody");
        identity.SetScopes(request.GetScopes());
        return Results.SignIn(new ClaimsPrincipal(identity), properties: null, OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private static async Task<IResult> ExchangeAsync(HttpContext context)
    {
        var presented = await Microsoft.AspNetCore.Authentication.AuthenticationHttpContextExtensions.AuthenticateAsync(
            context, OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
        return Results.SignIn(presented.Principal!, properties: null, OpenIddictServerAspNetCoreDefaults.AuthenticationScheme);
    }

    private static async Task PrepareAsync(WebApplication app)
    {
        await using var scope = app.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<DbContext>();
        await db.Database.EnsureCreatedAsync();
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL;");
        await scope.ServiceProvider.GetRequiredService<IOpenIddictApplicationManager>().CreateAsync(new OpenIddictApplicationDescriptor
        {
            ClientId = app.Configuration.Required("client"),
            ClientSecret = app.Configuration.Required("secret"),
            RedirectUris = { new Uri(app.Configuration.Required("redirect")) },
            Permissions =
            {
                Permissions.Endpoints.Authorization,
                Permissions.Endpoints.Token,
                Permissions.GrantTypes.AuthorizationCode,
                Permissions.GrantTypes.RefreshToken,
                Permissions.ResponseTypes.Code,
                Permissions.Prefixes.Scope + "api",
            },
        });
    }
}
