using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Apps.Owned;

/// <summary>What a developer is asked instead of client types and grant types; it is chosen once, since an app that changes it is another app.</summary>
internal enum AppKind
{
    /// <summary>Runs on a web server and can keep a secret.</summary>
    Server,

    /// <summary>Runs in the browser: a public client.</summary>
    Browser,

    /// <summary>Installed: loopback or private-use redirects (RFC 8252), and device codes where there is no browser.</summary>
    Native,

    /// <summary>A command line or device that cannot be redirected to: device codes alone (RFC 8628).</summary>
    Device,
}

internal static class AppKinds
{
    /// <summary>Fills in what the kind decides of a registration; the secret of a server is not part of it.</summary>
    public static void Apply(this AppKind kind, AppRegistration entry)
    {
        entry.ApplicationType = kind is AppKind.Native or AppKind.Device ? ApplicationTypes.Native : ApplicationTypes.Web;
        entry.GrantTypes = kind switch
        {
            AppKind.Device => [GrantTypes.DeviceCode, GrantTypes.RefreshToken],
            AppKind.Native => [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken, GrantTypes.DeviceCode],
            _ => [GrantTypes.AuthorizationCode, GrantTypes.RefreshToken],
        };
        if (kind == AppKind.Device)
        {
            entry.RedirectUris = [];
            entry.RequirePushedAuthorizationRequests = false;
        }
    }

    public static AppKind Kind(this App app) =>
        app.ClientType == ClientTypes.Confidential ? AppKind.Server
        : app.ApplicationType != ApplicationTypes.Native ? AppKind.Browser
        : AppDetails.Of(app).GrantTypes.Contains(GrantTypes.AuthorizationCode) ? AppKind.Native
        : AppKind.Device;

    public static string Words(this AppKind kind) => kind switch
    {
        AppKind.Server => "Web server",
        AppKind.Browser => "Browser (single-page app)",
        AppKind.Native => "Native app",
        _ => "Command line or device",
    };
}
