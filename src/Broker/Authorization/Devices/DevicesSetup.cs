using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Upstreams;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Devices;

/// <summary>
/// Device authorization (RFC 8628) on OpenIddict's endpoints. Its verification endpoint is not used: the page at
/// <c>connect/verify</c> is an ordinary page, whose form, with a person's key perhaps, OpenIddict never reads or logs.
/// </summary>
internal static class DevicesSetup
{
    public static readonly TimeSpan CodeLifetime = TimeSpan.FromMinutes(10);

    // Twenty consonants, none of which is read as a figure, and no vowel, so that no code is a word (RFC 8628, section 6.1).
    private static readonly string[] s_letters = [.. "BCDFGHJKLMNPQRSTVWXZ".Select(letter => letter.ToString())];

    public static void AddDevices(this IServiceCollection services)
    {
        services.AddSingleton<UserCodeGuesses>();
        services.AddSingleton<Polling>();
        services.AddScoped<DeviceRequests>();
    }

    public static void UseDevices(this OpenIddictServerBuilder server)
    {
        server.SetDeviceAuthorizationEndpointUris("connect/device")
            .SetEndUserVerificationEndpointUris("connect/verify")
            .AllowDeviceAuthorizationFlow()
            .SetDeviceCodeLifetime(CodeLifetime)
            .SetUserCodeLifetime(CodeLifetime)
            .SetUserCodeLength(UserCodes.Length)
            .SetUserCodeCharset(s_letters)
            .SetUserCodeDisplayFormat("{0}{1}{2}{3}-{4}{5}{6}{7}");

        // It would make a grant of nobody for a code that nobody approved. Here the grant comes first, always.
        server.RemoveEventHandler(OpenIddictServerHandlers.AttachAuthorization.Descriptor);

        server.AddEventHandler<ProcessRequestContext>(handler => handler
            .UseInlineHandler(LeaveThePageAlone)
            .SetOrder(OpenIddictServerHandlers.InferEndpointType.Descriptor.Order + 500));
        server.AddEventHandler<ValidateDeviceAuthorizationRequestContext>(handler => handler
            .UseSingletonHandler<RequireOneUpstream>()
            .SetOrder(int.MaxValue - 100_000));
        server.AddEventHandler<ProcessSignInContext>(handler => handler
            .UseScopedHandler<KeepDeviceRequest>()
            .SetOrder(OpenIddictServerHandlers.GenerateUserCode.Descriptor.Order + 500));
        server.AddEventHandler<ApplyDeviceAuthorizationResponseContext>(handler => handler
            .UseInlineHandler(TellInterval)
            .SetOrder(int.MinValue + 100_000));
        server.AddEventHandler<ValidateTokenContext>(handler => handler
            .UseSingletonHandler<SlowDown>()
            .SetOrder(OpenIddictServerHandlers.Protection.ValidateTokenEntry.Descriptor.Order - 500));
    }

    private static ValueTask LeaveThePageAlone(ProcessRequestContext context)
    {
        if (context.EndpointType == OpenIddictServerEndpointType.EndUserVerification)
        {
            context.SkipRequest();
        }

        return default;
    }

    private static ValueTask TellInterval(ApplyDeviceAuthorizationResponseContext context)
    {
        if (string.IsNullOrEmpty(context.Response.Error))
        {
            context.Response[OpenIddictConstants.Parameters.Interval] = (long)Polling.Interval.TotalSeconds;
        }

        return default;
    }

    /// <summary>What no person could be asked is refused to the device at once.</summary>
    private sealed class RequireOneUpstream(Catalogue catalogue) : IOpenIddictServerHandler<ValidateDeviceAuthorizationRequestContext>
    {
        public ValueTask HandleAsync(ValidateDeviceAuthorizationRequestContext context)
        {
            if (catalogue.OfScopes(context.Request.GetScopes()) is null)
            {
                context.Reject(OpenIddictConstants.Errors.InvalidScope, "Ask for at least one scope of exactly one provider, such as 'openai:chat'.");
            }

            return default;
        }
    }
}
