using System.Security.Cryptography;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Clients;

/// <summary>An app of its own for one foreign client, so that no other test's grants or limits meet it.</summary>
internal static class ClientApp
{
    public static string NewSecret() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    /// <param name="broker">The broker.</param>
    /// <param name="name">What the person reads.</param>
    /// <param name="change">Makes it another kind than a public web app with one redirect URI.</param>
    public static async Task<AppRegistration> RegisterAsync(BrokerHost broker, string name, Action<AppRegistration>? change = null)
    {
        var entry = new AppRegistration
        {
            ClientId = $"client-{Guid.NewGuid():N}",
            Name = name,
            RedirectUris = [BrokerHost.RedirectUri],
            Scopes = ["openid", "offline_access", "openai:models", "openai:chat"],
        };
        change?.Invoke(entry);
        await using var scope = broker.Services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<RegisterApp>().RunAsync(entry, AppStanding.Configured, CancellationToken.None);
        return entry;
    }
}
