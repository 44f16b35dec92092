using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using IPNetwork = System.Net.IPNetwork;

namespace TokenBroker.Authorization.MetadataDocuments;

/// <summary>Section <c>Registration:MetadataDocuments</c>: apps whose client_id is the address of what they say of themselves.</summary>
internal sealed class MetadataDocumentOptions
{
    /// <summary>Off by default: it lets strangers name addresses that the broker then fetches from.</summary>
    public bool Enabled { get; set; }

    /// <summary>
    /// Networks, such as <c>10.1.0.0/16</c>, that documents may be fetched from although they are not public. None by
    /// default. In an allowed network any port will do; in an allowed loopback network http as well.
    /// </summary>
    public IList<string> AllowedNetworks { get; } = [];

    /// <summary>A PEM file of certificate authorities that vouch for hosts of documents, besides those that the system trusts.</summary>
    public string? TrustedCertificates { get; set; }

    /// <summary>Documents fetched for one address in an hour. One that is fresh is not fetched.</summary>
    [Range(1, 1_000_000)]
    public int FetchesPerHour { get; set; } = 120;

    /// <summary>What is wrong with the settings, if anything.</summary>
    public string? Complaint()
    {
        foreach (var network in AllowedNetworks.Where(network => !IPNetwork.TryParse(network, out _)))
        {
            return $"Registration:MetadataDocuments:AllowedNetworks: '{network}' is not a network such as 10.1.0.0/16.";
        }

        try
        {
            return Authorities() is { Count: 0 } ? $"Registration:MetadataDocuments:TrustedCertificates: {TrustedCertificates} holds no certificate." : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException)
        {
            return $"Registration:MetadataDocuments:TrustedCertificates: {TrustedCertificates} cannot be read as PEM: {exception.Message}";
        }
    }

    public X509Certificate2Collection? Authorities()
    {
        if (TrustedCertificates is null)
        {
            return null;
        }

        var certificates = new X509Certificate2Collection();
        certificates.ImportFromPemFile(TrustedCertificates);
        return certificates;
    }
}
