using System.Security.Cryptography;
using Microsoft.AspNetCore.WebUtilities;
using Microsoft.Extensions.Options;
using TokenBroker.Apps;
using TokenBroker.Operations;
using TokenBroker.Storage;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Registration;

/// <summary>
/// Dynamic client registration (RFC 7591): an app registers itself, so that a program which meets this broker for the
/// first time needs no human. Off unless the operator allows it. Nobody vouches for what registers here: it is
/// unreviewed, serves testers only, may be unticked to nothing, and gets no id, name or secret of another app. Bounded
/// by address, in size, and, where the operator hands one out, by an initial access token.
/// </summary>
internal sealed class RegistrationEndpoint(
    BrokerDbContext db, RegisterApp register, AppRules rules, Catalogue catalogue, IOptions<BrokerOptions> broker,
    IOptions<DynamicRegistrationOptions> options)
{
    public const string Path = "/connect/register";
    private const int TooManyRetryAfter = 300;

    public async Task<IResult> HandleAsync(HttpContext context, RegistrationLimit limit)
    {
        if (!limit.Allows(context))
        {
            context.Response.Headers.RetryAfter = TooManyRetryAfter.ToString(System.Globalization.CultureInfo.InvariantCulture);
            return RegistrationRequest.Refuse(
                new RegistrationRefusal("temporarily_unavailable", "Too many registrations from this address. Try again later."), StatusCodes.Status429TooManyRequests);
        }

        if (options.Value.InitialAccessToken is { } expected && !Opens(context.Request, expected))
        {
            return RegistrationRequest.Unauthorized(context);
        }

        var (json, unreadable) = await RegistrationRequest.ReadAsync(context);
        using (json)
        {
            if (json is null)
            {
                return unreadable!;
            }

            // RFC 7591, section 2: who does not say authenticates with a secret.
            var metadata = ClientMetadata.Read(json.RootElement, catalogue.AllScopes, ClientAuthenticationMethods.ClientSecretBasic, out var refusal);
            if (metadata is null)
            {
                return RegistrationRequest.Refuse(refusal!);
            }

            var entry = metadata.Registration;
            entry.ClientId = NewValue(16);
            entry.ClientSecret = metadata.HasSecret ? NewValue(32) : null;
            return ClientMetadata.Refusal(rules, entry) is { } complaint
                ? RegistrationRequest.Refuse(complaint)
                : await RegisterAsync(metadata, context.RequestAborted);
        }
    }

    /// <summary>Random bytes as an id, secret or token.</summary>
    public static string NewValue(int bytes) => WebEncoders.Base64UrlEncode(RandomNumberGenerator.GetBytes(bytes));

    private async Task<IResult> RegisterAsync(ClientMetadata metadata, CancellationToken cancellationToken)
    {
        var standing = new AppStanding(AppSource.DynamicRegistration, null, ReviewStatus.Unreviewed, "anonymous");
        var managementToken = NewValue(32);
        App app = null!;
        await db.InTransactionAsync(
            async () =>
            {
                app = await register.RunAsync(metadata.Registration, standing, cancellationToken);
                app.RegistrationTokenHash = RegistrationRequest.HashOf(managementToken);
                ClientInformation.RememberAuthMethod(app, metadata.AuthMethod);
            },
            cancellationToken);
        return RegistrationRequest.Reply(
            ClientInformation.Of(app, broker.Value.BaseAddress, managementToken, metadata.Registration.ClientSecret), StatusCodes.Status201Created);
    }

    private static bool Opens(HttpRequest request, string expected) =>
        RegistrationRequest.BearerToken(request) is { } presented
        && CryptographicOperations.FixedTimeEquals(RegistrationRequest.HashOf(presented), RegistrationRequest.HashOf(expected));
}
