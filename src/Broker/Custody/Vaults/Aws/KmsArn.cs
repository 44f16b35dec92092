using System.Diagnostics.CodeAnalysis;

namespace TokenBroker.Custody.Vaults.Aws;

/// <summary>The ARN of a KMS key or alias: <c>arn:partition:kms:region:account:key/id</c>, or <c>...:alias/name</c>.</summary>
internal sealed record KmsArn(string Text, string Region, string Resource)
{
    public bool IsAlias => Resource.StartsWith("alias/", StringComparison.Ordinal);

    /// <summary>What the ARNs of all keys beside this one begin with.</summary>
    public string KeysBeside => Text[..^Resource.Length] + "key/";

    /// <summary>The ARN of another alias beside this one.</summary>
    public string Beside(string aliasName) => Text[..^Resource.Length] + aliasName;

    public static bool TryParse(string text, [NotNullWhen(true)] out KmsArn? arn)
    {
        arn = null;
        if (text.Split(':') is not ["arn", { Length: > 0 }, "kms", { Length: > 0 } region, { Length: > 0 }, { } resource]
            || resource.Split('/') is not (["key", { Length: > 0 }] or ["alias", { Length: > 0 }, ..]))
        {
            return false;
        }

        arn = new KmsArn(text, region, resource);
        return true;
    }
}
