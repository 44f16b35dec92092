using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;
using OpenIddict.Server;
using TokenBroker.Custody.Rewrapping;

namespace TokenBroker.Authorization.Keys;

internal static class KeysSetup
{
    public static void AddServerKeys(this IServiceCollection services)
    {
        services.AddOptions<KeyRotationOptions>().BindConfiguration("Keys").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<ServerKeys>();
        services.AddSingleton<ISealedRecords, ServerKeyRecords>();
        services.AddHostedService<KeyRotation>();
        services.AddSingleton<IConfigureOptions<OpenIddictServerOptions>, UseServerKeys>();
    }

    /// <summary>OpenIddict signs with the first credential, validates with all, and publishes all.</summary>
    private sealed class UseServerKeys(ServerKeys keys) : IConfigureOptions<OpenIddictServerOptions>
    {
        public void Configure(OpenIddictServerOptions options)
        {
            options.SigningCredentials.AddRange(keys.SigningKeys.Select(key => new SigningCredentials(key, SecurityAlgorithms.EcdsaSha256)));
            options.EncryptionCredentials.AddRange(keys.EncryptionKeys.Select(
                key => new EncryptingCredentials(key, SecurityAlgorithms.RsaOAEP, SecurityAlgorithms.Aes256CbcHmacSha512)));
        }
    }
}
