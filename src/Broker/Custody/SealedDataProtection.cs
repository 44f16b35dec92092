using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.DataProtection.KeyManagement;
using Microsoft.AspNetCore.DataProtection.XmlEncryption;
using Microsoft.Extensions.Options;
using TokenBroker.Storage;

namespace TokenBroker.Custody;

/// <summary>
/// ASP.NET Core's Data Protection keys, which protect cookies and tokens, live in the database and are sealed by
/// the KEK like every other secret.
/// </summary>
internal static class SealedDataProtection
{
    public static void AddSealedDataProtection(this WebApplicationBuilder builder)
    {
        builder.Services.AddDataProtection()
            .SetApplicationName("TokenBroker")
            .PersistKeysToDbContext<BrokerDbContext>();
        builder.Services.AddSingleton<IConfigureOptions<KeyManagementOptions>>(services =>
            new ConfigureOptions<KeyManagementOptions>(options =>
                options.XmlEncryptor = new KekXmlEncryptor(services)));
    }
}

/// <summary>
/// Seals a Data Protection key. The framework's seam is synchronous and runs at start and at rotation only. The vault is
/// asked for when it is needed: a command that seals nothing, such as <c>migrate</c>, neither makes nor needs one.
/// </summary>
internal sealed class KekXmlEncryptor(IServiceProvider services) : IXmlEncryptor
{
    internal static readonly EnvelopeBinding Binding = new("broker", "data-protection", "data-protection-key");

    public EncryptedXmlInfo Encrypt(XElement plaintextElement)
    {
        using var secret = Secret.FromText(plaintextElement.ToString(SaveOptions.DisableFormatting));
        var envelope = services.GetRequiredService<Envelopes>().SealAsync(secret, Binding, CancellationToken.None).GetAwaiter().GetResult();
        var element = new XElement("sealedKey", new XElement("value", Convert.ToBase64String(envelope)));
        return new EncryptedXmlInfo(element, typeof(KekXmlDecryptor));
    }
}

/// <summary>Opens a Data Protection key; the framework makes it by its type's name, with the service provider.</summary>
internal sealed class KekXmlDecryptor(IServiceProvider services) : IXmlDecryptor
{
    public XElement Decrypt(XElement encryptedElement)
    {
        var envelope = Convert.FromBase64String((string)encryptedElement.Element("value")!);
        using var secret = services.GetRequiredService<Envelopes>()
            .OpenAsync(envelope, KekXmlEncryptor.Binding, CancellationToken.None).GetAwaiter().GetResult();
        return XElement.Parse(secret.Reveal(static bytes => Encoding.UTF8.GetString(bytes)));
    }
}
