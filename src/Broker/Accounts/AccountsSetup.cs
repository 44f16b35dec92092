using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using TokenBroker.Accounts.Passkeys;
using TokenBroker.Accounts.Passwords;
using TokenBroker.Storage;

namespace TokenBroker.Accounts;

internal static class AccountsSetup
{
    public static void AddAccounts(this WebApplicationBuilder builder)
    {
        var services = builder.Services;
        services.AddOptions<AccountsOptions>()
            .BindConfiguration(AccountsOptions.Section)
            .ValidateDataAnnotations()
            .ValidateOnStart();
        AddIdentity(services);
        AddCookies(services);
        services.AddRateLimiter(limiter => limiter.AddPolicy<string, AccountsRateLimit>(AccountsRateLimit.Policy));

        services.AddScoped<Sessions>();
        services.AddScoped<SessionCheck>();
        services.AddSingleton<RecentSignIn>();
        services.AddScoped<CreateAccount>();
        services.AddScoped<PasswordCheck>();
        services.AddScoped<SignInWithPassword>();
        services.AddScoped<SetPassword>();
        services.AddScoped<SignInWithPasskey>();
        services.AddScoped<PasskeyRing>();
        services.AddScoped<ApiTokens>();
        services.AddScoped<Operators>();
        services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, ApiTokenAuthentication>(ApiTokenAuthentication.SchemeName, null);
        services.Configure<AuthorizationOptions>(Operators.AddPolicies);
    }

    /// <summary>The addresses by which password managers find their way (W3C change-password and passkey endpoints).</summary>
    public static void MapAccounts(this WebApplication app)
    {
        app.MapGet("/.well-known/change-password", static () => TypedResults.Redirect("/account/password"))
            .AllowAnonymous();
        app.MapGet("/.well-known/passkey-endpoints", static (HttpRequest request) =>
        {
            var page = $"{request.Scheme}://{request.Host}{request.PathBase}/account";
            return TypedResults.Json(new { enroll = page, manage = page });
        }).AllowAnonymous();
    }

    private static void AddIdentity(IServiceCollection services)
    {
        // Before Identity's own validator, which then stands aside.
        services.AddScoped<IPasswordValidator<User>, PasswordRules>();
        services.AddIdentityCore<User>(options =>
            {
                options.Stores.SchemaVersion = IdentitySchemaVersions.Version3;
                options.User.RequireUniqueEmail = true;

                // The user name is the e-mail address; what an address may hold is checked as an address.
                options.User.AllowedUserNameCharacters = "";
            })
            .AddEntityFrameworkStores<BrokerDbContext>()
            .AddSignInManager();

        // OWASP's number for PBKDF2 with HMAC-SHA-512.
        services.Configure<PasswordHasherOptions>(options => options.IterationCount = 210_000);
        services.AddOptions<IdentityPasskeyOptions>().Configure<IOptions<AccountsOptions>>((passkeys, accounts) =>
        {
            passkeys.ServerDomain = accounts.Value.PasskeyDomain;
            passkeys.ResidentKeyRequirement = "required";
            passkeys.UserVerificationRequirement = "required";
            passkeys.AttestationConveyancePreference = "none";
            passkeys.ValidateOrigin = PasskeyOrigin.IsOwn;
        });
    }

    private static void AddCookies(IServiceCollection services)
    {
        services.AddAuthentication(IdentityConstants.ApplicationScheme)
            .AddCookie(IdentityConstants.ApplicationScheme, cookie =>
            {
                Guard(cookie, "tokenbroker.session");
                cookie.LoginPath = "/sign-in";
                cookie.ReturnUrlParameter = "returnUrl";
                cookie.EventsType = typeof(SessionCheck);
            })

            // Identity keeps the challenge of a passkey ceremony in this scheme's cookie.
            .AddCookie(IdentityConstants.TwoFactorUserIdScheme, cookie =>
            {
                Guard(cookie, "tokenbroker.passkey");
                cookie.ExpireTimeSpan = TimeSpan.FromMinutes(10);
            });
    }

    private static void Guard(CookieAuthenticationOptions cookie, string name)
    {
        cookie.Cookie.Name = name;
        cookie.Cookie.HttpOnly = true;

        // Lax, not Strict: an app's redirect to the authorization endpoint must find the person signed in.
        cookie.Cookie.SameSite = SameSiteMode.Lax;
        cookie.CookieManager = new HostCookies();
        cookie.SlidingExpiration = false;
    }
}
