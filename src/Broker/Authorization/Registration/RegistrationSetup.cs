using System.Net;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OpenIddict.Server;
using TokenBroker.Authorization.MetadataDocuments;
using TokenBroker.Operations.Egress;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Registration;

/// <summary>Apps that need no human to be registered: by a request, or by a document at their client_id. Both are off by default.</summary>
internal static class RegistrationSetup
{
    public static void AddClientRegistration(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<DynamicRegistrationOptions>()
            .BindConfiguration("Registration:Dynamic")
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton<RegistrationLimit>();
        builder.Services.AddScoped<RegistrationEndpoint>();
        builder.Services.AddScoped<RegistrationManagement>();

        builder.Services.AddOptions<MetadataDocumentOptions>()
            .BindConfiguration("Registration:MetadataDocuments")
            .ValidateDataAnnotations()
            .ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<MetadataDocumentOptions>, ValidateMetadataDocumentOptions>();
        builder.Services.TryAddSingleton<ResolveHost>(Dns.GetHostAddressesAsync);
        builder.Services.AddSingleton(services =>
        {
            var options = services.GetRequiredService<IOptions<MetadataDocumentOptions>>().Value;
            return new EgressClient(EgressRules.Parse(options.AllowedNetworks), services.GetRequiredService<ResolveHost>(), options.Authorities());
        });
        builder.Services.AddSingleton<MetadataDocumentLimit>();
        builder.Services.AddSingleton<ClientDocuments>();
    }

    public static void AdmitMetadataDocuments(this OpenIddictServerBuilder server)
    {
        // The keys that a client assertion is checked with come from the document, too.
        server.AddEventHandler<ProcessAuthenticationContext>(handler => handler
            .UseScopedHandler<AdmitMetadataDocument>()
            .SetOrder(OpenIddictServerHandlers.ValidateClientAssertion.Descriptor.Order - 1));
        server.AddEventHandler<ProcessAuthenticationContext>(handler => handler
            .UseScopedHandler<AdmitMetadataDocument>()
            .SetOrder(OpenIddictServerHandlers.ValidateClientId.Descriptor.Order - 1));
    }

    public static void MapClientRegistration(this WebApplication app)
    {
        if (!app.Services.GetRequiredService<IOptions<DynamicRegistrationOptions>>().Value.Enabled)
        {
            return;
        }

        const string One = RegistrationEndpoint.Path + "/{clientId}";
        app.MapPost(RegistrationEndpoint.Path, static (HttpContext context, RegistrationEndpoint endpoint, RegistrationLimit limit) => endpoint.HandleAsync(context, limit))
            .AllowAnonymous()
            .DisableAntiforgery();
        app.MapGet(One, static (HttpContext context, string clientId, RegistrationManagement management) => management.ReadAsync(context, clientId)).AllowAnonymous();
        app.MapPut(One, static (HttpContext context, string clientId, RegistrationManagement management) => management.ReplaceAsync(context, clientId)).AllowAnonymous();
        app.MapDelete(One, static (HttpContext context, string clientId, RegistrationManagement management) => management.DeleteAsync(context, clientId)).AllowAnonymous();
    }

    private sealed class ValidateMetadataDocumentOptions : IValidateOptions<MetadataDocumentOptions>
    {
        public ValidateOptionsResult Validate(string? name, MetadataDocumentOptions options) =>
            options.Complaint() is { } complaint ? ValidateOptionsResult.Fail(complaint) : ValidateOptionsResult.Success;
    }
}
