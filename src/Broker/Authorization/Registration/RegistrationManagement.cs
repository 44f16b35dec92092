using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using TokenBroker.Apps;
using TokenBroker.Operations;
using TokenBroker.Storage;
using TokenBroker.Upstreams;
using static OpenIddict.Abstractions.OpenIddictConstants;

namespace TokenBroker.Authorization.Registration;

/// <summary>
/// Management of a dynamic registration (RFC 7592) by whoever holds its registration access token, which is kept as one
/// SHA-256 and compared in constant time. A wrong token and an app that is not there look the same. A change is held to
/// the rules of a registration, hands out a new token and secret (the old ones are dead at once), and puts an app that
/// was approved back where <see cref="ReviewRules"/> says so. Deletion ends what the app was allowed.
/// </summary>
internal sealed class RegistrationManagement(
    BrokerDbContext db, RegisterApp register, RemoveApp remove, AppRules rules, Catalogue catalogue, IOptions<BrokerOptions> broker)
{
    private static readonly string[] s_notForTheClient =
        ["registration_access_token", "registration_client_uri", "client_secret_expires_at", "client_id_issued_at"];

    public async Task<IResult> ReadAsync(HttpContext context, string clientId) =>
        await FindAsync(context, clientId) is { } app
            ? RegistrationRequest.Reply(ClientInformation.Of(app, broker.Value.BaseAddress, RegistrationRequest.BearerToken(context.Request)!, secret: null))
            : RegistrationRequest.Unauthorized(context);

    public async Task<IResult> ReplaceAsync(HttpContext context, string clientId)
    {
        if (await FindAsync(context, clientId) is not { } app)
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

            var metadata = ClientMetadata.Read(json.RootElement, catalogue.AllScopes, ClientAuthenticationMethods.ClientSecretBasic, out var refusal);
            if ((refusal ?? Complaint(json.RootElement, app)) is { } wrong)
            {
                return RegistrationRequest.Refuse(wrong);
            }

            var entry = metadata!.Registration;
            entry.ClientId = clientId;
            entry.ClientSecret = metadata.HasSecret ? RegistrationEndpoint.NewValue(32) : null;
            return ClientMetadata.Refusal(rules, entry) is { } complaint
                ? RegistrationRequest.Refuse(complaint)
                : await ReplaceAsync(app, metadata, context);
        }
    }

    public async Task<IResult> DeleteAsync(HttpContext context, string clientId)
    {
        if (await FindAsync(context, clientId) is not { } app)
        {
            return RegistrationRequest.Unauthorized(context);
        }

        await remove.RunAsync(app.Id, $"app:{app.Id}", context.RequestAborted);
        context.Response.Headers.CacheControl = "no-store";
        return TypedResults.NoContent();
    }

    private async Task<IResult> ReplaceAsync(App known, ClientMetadata metadata, HttpContext context)
    {
        var presented = RegistrationRequest.HashOf(RegistrationRequest.BearerToken(context.Request)!);
        var managementToken = RegistrationEndpoint.NewValue(32);
        App? app = null;
        await db.InTransactionAsync(
            async () =>
            {
                // Read again under the write lock: of two changes with one token, the second comes with a dead one.
                var current = await db.Apps.AsNoTracking().SingleOrDefaultAsync(a => a.Id == known.Id, context.RequestAborted);
                if (current?.RegistrationTokenHash is not { } hash || !CryptographicOperations.FixedTimeEquals(hash, presented))
                {
                    return;
                }

                var standing = new AppStanding(current.Source, current.OwnerId, current.ReviewStatus, $"app:{current.Id}");
                app = await register.RunAsync(metadata.Registration, standing, context.RequestAborted);
                app.RegistrationTokenHash = RegistrationRequest.HashOf(managementToken);
                ClientInformation.RememberAuthMethod(app, metadata.AuthMethod);
            },
            context.RequestAborted);
        return app is null
            ? RegistrationRequest.Unauthorized(context)
            : RegistrationRequest.Reply(ClientInformation.Of(app, broker.Value.BaseAddress, managementToken, metadata.Registration.ClientSecret));
    }

    /// <summary>What RFC 7592, section 2.2, says of an update besides its metadata.</summary>
    private static RegistrationRefusal? Complaint(JsonElement json, App app)
    {
        var fields = new MetadataFields(json);
        fields.Require(fields.Text("client_id") == app.ClientId, "client_id must be there, and the one that the address names.");
        foreach (var name in s_notForTheClient)
        {
            fields.Require(!fields.Has(name), $"{name} is not the client's to set; leave it out.");
        }

        fields.Require(
            fields.Text("client_secret") is not { } secret || AppSecrets.Matches(secret, app.ClientSecret),
            "client_secret is not the client's to choose: leave it out, and take the new one from the answer.");
        return fields.Complaint is { } complaint ? RegistrationRefusal.Metadata(complaint) : null;
    }

    private async Task<App?> FindAsync(HttpContext context, string clientId)
    {
        var presented = RegistrationRequest.HashOf(RegistrationRequest.BearerToken(context.Request) ?? "");
        var app = await db.Apps.AsNoTracking()
            .SingleOrDefaultAsync(a => a.ClientId == clientId && a.Source == AppSource.DynamicRegistration, context.RequestAborted);
        var expected = app?.RegistrationTokenHash ?? new byte[SHA256.HashSizeInBytes];
        return CryptographicOperations.FixedTimeEquals(presented, expected) ? app : null;
    }
}
