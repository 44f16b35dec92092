using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

internal static class CustodySetup
{
    public static void AddCustody(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<VaultOptions>()
            .BindConfiguration("Vault")
            .ValidateDataAnnotations()
            .Validate(
                options => options.AllowLocalFileInProduction || !builder.Environment.IsProduction(),
                "The embedded file vault does not start in Production: its key lies on the same machine as the data. "
                + "Configure a real vault, or accept the risk with Vault:AllowLocalFileInProduction=true; "
                + "for development set ASPNETCORE_ENVIRONMENT=Development.")
            .ValidateOnStart();

        builder.Services.AddSingleton(services =>
        {
            var options = services.GetRequiredService<IOptions<VaultOptions>>().Value;
            var directory = services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory;
            StorageSetup.CreatePrivateDirectory(directory);
            var kek = LocalFileKek.LoadOrCreate(options.LocalFilePathIn(directory));
            return new Vault(kek, kek, LocalFileKek.Algorithm);
        });
        builder.Services.AddScoped<UpstreamKeys>();
        builder.Services.AddSingleton<OpenKeys>();
    }
}
