using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using OpenIddict.Abstractions;
using OpenIddict.Server;
using TokenBroker.Storage;
using static OpenIddict.Server.OpenIddictServerEvents;

namespace TokenBroker.Authorization.Devices;

/// <summary>What a device asked for, as it is kept with its user code for the person who will be asked.</summary>
/// <param name="DeviceCodeId">The row of the code that the device polls with.</param>
/// <param name="Parameters">The request, without what authenticated the app.</param>
internal sealed record KeptDeviceRequest(Guid DeviceCodeId, JsonElement Parameters)
{
    private const string Property = "tokenbroker_device_request";

    public string ToProperties() => JsonSerializer.Serialize(new Dictionary<string, KeptDeviceRequest> { [Property] = this });

    public static KeptDeviceRequest? Of(Token userCode) => userCode.Properties is { } json
        ? JsonSerializer.Deserialize<Dictionary<string, KeptDeviceRequest>>(json)?.GetValueOrDefault(Property)
        : null;
}

/// <summary>Keeps the request of a device where the verification page finds it: in the row of the user code.</summary>
internal sealed class KeepDeviceRequest(BrokerDbContext db) : IOpenIddictServerHandler<ProcessSignInContext>
{
    private static readonly string[] s_carried = ["client_id", "scope", "resource", "authorization_details", "include_granted_scopes"];

    public async ValueTask HandleAsync(ProcessSignInContext context)
    {
        if (context.EndpointType != OpenIddictServerEndpointType.DeviceAuthorization
            || !Guid.TryParse(context.UserCodePrincipal?.GetTokenId(), out var userCodeId)
            || !Guid.TryParse(context.DeviceCodePrincipal?.GetTokenId(), out var deviceCodeId))
        {
            return;
        }

        var carried = new OpenIddictRequest(context.Request.GetParameters().Where(parameter => s_carried.Contains(parameter.Key)));
        var properties = new KeptDeviceRequest(deviceCodeId, JsonSerializer.SerializeToElement(carried)).ToProperties();
        await db.Tokens.Where(t => t.Id == userCodeId)
            .ExecuteUpdateAsync(set => set.SetProperty(t => t.Properties, properties), context.CancellationToken);
    }
}
