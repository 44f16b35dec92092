using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Sdk;

namespace TokenBroker.Tests.Apps;

/// <summary>What makes one app; the same settings twice make two nodes of it.</summary>
public sealed class AppSettings
{
    public string ClientId { get; } = "app-" + Guid.NewGuid().ToString("N");

    public string ClientSecret { get; } = Convert.ToBase64String(RandomNumberGenerator.GetBytes(32));

    public string Name { get; } = "Sdk App";

    /// <summary>The redirect URIs of the nodes that have started.</summary>
    public IList<string> Callbacks { get; } = [];

    public Action<TokenBrokerOptions>? Options { get; init; }

    public Action<IServiceCollection>? Services { get; init; }

    public FakeTimeProvider? Clock { get; init; }

    /// <summary>The app's Data Protection keys, shared by its nodes.</summary>
    public IDataProtectionProvider Keys { get; } = new EphemeralDataProtectionProvider();
}
