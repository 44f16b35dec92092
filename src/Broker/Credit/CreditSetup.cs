using Microsoft.AspNetCore.Authentication;
using TokenBroker.Credit.Api;

namespace TokenBroker.Credit;

internal static class CreditSetup
{
    public static void AddCredit(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<CreditOptions>().BindConfiguration("Credit").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddScoped<PutUpKey>();
        builder.Services.AddScoped<CreditSecrets>();
        builder.Services.AddScoped<TakeCreditOrder>();
        builder.Services.AddScoped<Webhook>();
        builder.Services.AddSingleton<CreditPace>();
        builder.Services.AddAuthentication().AddScheme<AuthenticationSchemeOptions, CreditSecretAuthentication>(CreditSecretAuthentication.SchemeName, null);
    }
}
