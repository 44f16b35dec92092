using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using OpenIddict.Core;

namespace TokenBroker.Apps;

/// <summary>
/// Client secrets are 256 random bits, so that one SHA-256 protects them as well as any number of PBKDF2 rounds
/// would, and the token endpoint does not spend milliseconds on each request. Compared in constant time. What else an
/// app is held to differently than OpenIddict would is here too.
/// </summary>
internal sealed class AppSecrets(
    IOpenIddictApplicationCache<App> cache,
    ILogger<OpenIddictApplicationManager<App>> logger,
    IOptionsMonitor<OpenIddictCoreOptions> options,
    IOpenIddictApplicationStore<App> store,
    RegisteredOrigins origins)
    : OpenIddictApplicationManager<App>(cache, logger, options, store)
{
    private const string Prefix = "sha256:";

    public override async ValueTask CreateAsync(App application, string? secret, CancellationToken cancellationToken = default)
    {
        await base.CreateAsync(application, secret, cancellationToken);
        origins.Forget();
    }

    public override async ValueTask UpdateAsync(App application, CancellationToken cancellationToken = default)
    {
        await base.UpdateAsync(application, cancellationToken);
        origins.Forget();
    }

    public override async ValueTask DeleteAsync(App application, CancellationToken cancellationToken = default)
    {
        await base.DeleteAsync(application, cancellationToken);
        origins.Forget();
    }

    /// <summary>Exact, but for the port of a native app's loopback address. OpenIddict's own rule reads what it compares.</summary>
    public override async ValueTask<bool> ValidateRedirectUriAsync(App application, string uri, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(application);
        var registered = await Store.GetRedirectUrisAsync(application, cancellationToken);
        return registered.Contains(uri, StringComparer.Ordinal)
            || (application.ApplicationType == OpenIddictConstants.ApplicationTypes.Native && registered.Any(one => LoopbackRedirect.Matches(one, uri)));
    }

    protected override ValueTask<string> ObfuscateClientSecretAsync(string secret, CancellationToken cancellationToken = default) =>
        new(Prefix + Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(secret))));

    /// <param name="secret">What is presented.</param>
    /// <param name="stored">What <see cref="App"/>'s row holds; null where there is no secret, which nothing matches.</param>
    public static bool Matches(string secret, string? stored)
    {
        if (stored is null || !stored.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return false;
        }

        var expected = Convert.FromBase64String(stored[Prefix.Length..]);
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(secret)), expected);
    }

    protected override ValueTask<bool> ValidateClientSecretAsync(
        string secret, string comparand, CancellationToken cancellationToken = default) => new(Matches(secret, comparand));
}
