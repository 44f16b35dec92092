namespace TokenBroker.Custody.Vaults.Aws;

/// <summary>Section <c>Vault:Aws</c>: a symmetric key of AWS KMS. Credentials come from the SDK's default chain.</summary>
internal sealed class AwsOptions
{
    /// <summary>The ARN of an alias, which rotation moves to a new key, or of a key, which stays the one it is.</summary>
    public string KeyId { get; set; } = "";

    /// <summary>The region. Default: the one that the ARN names, which it must be in any case.</summary>
    public string? Region { get; set; }

    /// <summary>Another endpoint, such as a VPC endpoint; https, or http on loopback.</summary>
    public string? ServiceUrl { get; set; }

    /// <summary>Why this cannot be used; null where it can.</summary>
    public static string? ComplaintOf(AwsOptions? options)
    {
        if (options is null)
        {
            return "Vault:Aws is missing: set its KeyId to the ARN of a KMS alias or key.";
        }

        if (!KmsArn.TryParse(options.KeyId, out var arn))
        {
            return "Vault:Aws:KeyId must be the ARN of a KMS alias (arn:aws:kms:<region>:<account>:alias/<name>) or key (...:key/<id>); names alone would depend on whose credentials are used.";
        }

        if (options.Region is { } region && region != arn.Region)
        {
            return $"Vault:Aws:Region is '{region}', but Vault:Aws:KeyId is in '{arn.Region}'.";
        }

        return options.ServiceUrl is not { } url || (Uri.TryCreate(url, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback)))
            ? null
            : "Vault:Aws:ServiceUrl must be an https address, or http on loopback.";
    }
}
