using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Registration;

/// <summary>A broker that lets apps in by themselves, and a server on this machine that keeps documents for it.</summary>
public sealed class SelfServiceBroker : IAsyncLifetime
{
    public BrokerHost Host { get; private set; } = null!;

    public DocumentHost Documents { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Documents = await DocumentHost.StartAsync();
        Host = await BrokerHost.StartAsync(SettingsWith(Documents));
    }

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        await Documents.DisposeAsync();
    }

    public static Dictionary<string, string> SettingsWith(DocumentHost documents) => new()
    {
        ["Registration:Dynamic:Enabled"] = "true",
        ["Registration:Dynamic:PerHour"] = "1000000",
        ["Registration:MetadataDocuments:Enabled"] = "true",
        ["Registration:MetadataDocuments:AllowedNetworks:0"] = "127.0.0.0/8",
        ["Registration:MetadataDocuments:AllowedNetworks:1"] = "::1/128",
        ["Registration:MetadataDocuments:TrustedCertificates"] = documents.AuthorityFile,
        ["Registration:MetadataDocuments:FetchesPerHour"] = "1000000",
    };
}
