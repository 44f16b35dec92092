using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Uploads;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Custody;

internal static class CustodySetup
{
    public static void AddCustody(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<VaultOptions>()
            .BindConfiguration("Vault")
            .ValidateDataAnnotations()
            .Validate(
                options => options.Provider != VaultSettings.LocalFileKind || options.AllowLocalFileInProduction || !builder.Environment.IsProduction(),
                "The embedded file vault does not start in Production: its key lies on the same machine as the data. "
                + "Configure a real vault, or accept the risk with Vault:AllowLocalFileInProduction=true; "
                + "for development set ASPNETCORE_ENVIRONMENT=Development.")
            .ValidateOnStart();
        builder.Services.AddSingleton<Microsoft.Extensions.Options.IValidateOptions<VaultOptions>, KnownKinds>();

        builder.Services.AddSingleton(_ => VaultTransport.Create());
        builder.Services.AddSingleton(VaultFactory.Create);
        builder.Services.AddSingleton<VaultWatch>();
        builder.Services.AddHostedService(services => services.GetRequiredService<VaultWatch>());
        builder.Services.AddHealthChecks().AddCheck<VaultWatch>("vault");
        builder.Services.AddSingleton<RecordKey>();
        builder.Services.AddSingleton(services =>
            new Envelopes(services.GetRequiredService<Vault>(), services.GetRequiredService<RecordKey>().GetAsync));
        builder.Services.AddScoped<UpstreamKeys>();
        builder.Services.AddScoped<CarriedKeys>();
        builder.Services.AddScoped<SponsorKeys>();
        builder.Services.AddSingleton<WebhookKeys>();
        builder.Services.AddOptions<OpenKeysOptions>().BindConfiguration("Custody:OpenKeys").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<OpenKeys>();
        builder.Services.AddSingleton<MemorySweep>();
        builder.Services.AddOptions<UploadOptions>().BindConfiguration("Custody").ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<UploadKeys>();
        builder.Services.AddSingleton<SafetyIdentifiers>();
        builder.Services.AddRewrapping();
    }

    private sealed class KnownKinds : Microsoft.Extensions.Options.IValidateOptions<VaultOptions>
    {
        public Microsoft.Extensions.Options.ValidateOptionsResult Validate(string? name, VaultOptions options)
        {
            var complaints = options.All.Select(VaultFactory.ComplaintOf).OfType<string>().ToList();
            return complaints.Count == 0 ? Microsoft.Extensions.Options.ValidateOptionsResult.Success : Microsoft.Extensions.Options.ValidateOptionsResult.Fail(complaints);
        }
    }
}
