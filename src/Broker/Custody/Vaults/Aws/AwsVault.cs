using System.Globalization;
using Amazon;
using Amazon.KeyManagementService;
using Amazon.KeyManagementService.Model;
using Amazon.Runtime;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults.Aws;

/// <summary>
/// AWS KMS. A version of the KEK is a KMS key of its own, named by its ARN, since KMS's own rotation (RotateKeyOnDemand)
/// keeps the ARN, tells nobody what sealed what, and lets no old material be switched off. The configured alias points to
/// the current one, and moves when rotating ("Rotate keys manually" in the KMS developer guide); each version has an
/// alias beside it, <c>{alias}-v1</c>, <c>{alias}-v2</c>, ..., by which they are listed.
/// </summary>
internal sealed class AwsVault(IAmazonKeyManagementService kms, AwsOptions options) : IKeyVault, IDisposable
{
    private readonly KmsArn _configured = KmsArn.TryParse(options.KeyId, out var arn)
        ? arn
        : throw new ArgumentException(AwsOptions.ComplaintOf(options), nameof(options));

    public string Kind => VaultSettings.AwsKind;

    public string Algorithm => AwsKek.Algorithm;

    public static AwsVault Create(AwsOptions options, TimeSpan patience, AWSCredentials? credentials = null)
    {
        var region = KmsArn.TryParse(options.KeyId, out var arn) ? arn.Region : throw new ArgumentException(AwsOptions.ComplaintOf(options), nameof(options));
        var configuration = new AmazonKeyManagementServiceConfig
        {
            // One more try for a dropped connection; patience and the pause after a failure are the caller's.
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = 1,
            Timeout = patience,
            AllowAutoRedirect = false,

            // AWS_ENDPOINT_URL and the like would go around the check of Vault:Aws:ServiceUrl.
            IgnoreConfiguredEndpointUrls = true,
        };
        if (options.ServiceUrl is { } url)
        {
            configuration.ServiceURL = url;
            configuration.AuthenticationRegion = region;
        }
        else
        {
            configuration.RegionEndpoint = RegionEndpoint.GetBySystemName(region);
        }

        return new AwsVault(
            credentials is null ? new AmazonKeyManagementServiceClient(configuration) : new AmazonKeyManagementServiceClient(credentials, configuration),
            options);
    }

    /// <summary>The configured key; for an alias, any key of its account and region, of which KMS's own policies and the record key say more.</summary>
    public bool Holds(string keyId) => _configured.IsAlias
        ? KmsArn.TryParse(keyId, out var arn) && !arn.IsAlias && arn.Text.StartsWith(_configured.KeysBeside, StringComparison.Ordinal)
        : keyId == _configured.Text;

    public async Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) =>
        new AwsKek(kms, RequireUsable(await DescribeAsync(_configured.Text, cancellationToken)).Arn);

    public async Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken)
    {
        var current = await DescribeAsync(_configured.Text, cancellationToken);
        var keys = new List<KeyMetadata>();
        foreach (var (_, keyId) in _configured.IsAlias ? await VersionAliasesAsync(cancellationToken) : [])
        {
            keys.Add(keyId == current.KeyId ? current : await DescribeAsync(_configured.KeysBeside + keyId, cancellationToken));
        }

        // Before the first rotation, and where an operator moved the alias by hand, it has no name of a version.
        return
        [
            .. keys.Append(current).DistinctBy(key => key.Arn)
                .Select(key => new KekVersion(key.Arn, key.CreationDate, key.KeyState == KeyState.Enabled, key.Arn == current.Arn)),
        ];
    }

    /// <summary>Makes a key like the current one, under the same policy, and moves the alias to it.</summary>
    public async Task<string> RotateAsync(CancellationToken cancellationToken)
    {
        if (!_configured.IsAlias)
        {
            throw new VaultRefusedException(
                "Vault:Aws:KeyId is the ARN of a key, which stays the one it is. To rotate, make an alias for it (aws kms create-alias), "
                + "configure the alias's ARN, and rotate then; the records that there are go on to open.");
        }

        var current = await DescribeAsync(_configured.Text, cancellationToken);
        RequireLikeness(current);
        var policy = await AwsFailures.AskAsync(() => kms.GetKeyPolicyAsync(new() { KeyId = current.Arn, PolicyName = "default" }, cancellationToken));
        var versions = await VersionAliasesAsync(cancellationToken);
        var next = versions.Count == 0 ? 1 : versions[^1].Number + 1;
        if (versions.TrueForAll(version => version.KeyId != current.KeyId))
        {
            // The first key, or one that the alias was moved to by hand: without a name it would be lost from the list.
            await NameAsync(next++, current.KeyId, cancellationToken);
        }

        var made = await AwsFailures.AskAsync(() => kms.CreateKeyAsync(
            new()
            {
                KeySpec = KeySpec.SYMMETRIC_DEFAULT,
                KeyUsage = KeyUsageType.ENCRYPT_DECRYPT,
                Origin = current.Origin,
                CustomKeyStoreId = current.CustomKeyStoreId,
                MultiRegion = current.MultiRegion,
                Policy = policy.Policy,
                Description = $"TokenBroker, {_configured.Resource}, version {next}",
            },
            cancellationToken));

        // The name of a version is taken once: of two who rotate at one time, one stops here, before the alias moves.
        await NameAsync(next, made.KeyMetadata.KeyId, cancellationToken);
        await AwsFailures.AskAsync(() => kms.UpdateAliasAsync(new() { AliasName = _configured.Resource, TargetKeyId = made.KeyMetadata.KeyId }, cancellationToken));
        return made.KeyMetadata.Arn;
    }

    /// <summary>Disables the key. To delete it for good is left to the operator (aws kms schedule-key-deletion).</summary>
    public async Task RetireAsync(string keyId, CancellationToken cancellationToken)
    {
        RequireHeld(keyId);
        if ((await DescribeAsync(_configured.Text, cancellationToken)).Arn == keyId)
        {
            throw new InvalidOperationException($"'{keyId}' is the current key; rotate first.");
        }

        await AwsFailures.AskAsync(() => kms.DisableKeyAsync(new DisableKeyRequest { KeyId = keyId }, cancellationToken));
    }

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default)
    {
        RequireHeld(keyId);
        return new AwsKek(kms, keyId);
    }

    /// <summary>Asks nothing: whether there is such a key is told by its use.</summary>
    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

    public void Dispose() => kms.Dispose();

    private async Task<KeyMetadata> DescribeAsync(string id, CancellationToken cancellationToken) =>
        (await AwsFailures.AskAsync(() => kms.DescribeKeyAsync(new DescribeKeyRequest { KeyId = id }, cancellationToken))).KeyMetadata;

    private Task<CreateAliasResponse> NameAsync(int number, string keyId, CancellationToken cancellationToken) => AwsFailures.AskAsync(() => kms.CreateAliasAsync(
        new() { AliasName = VersionPrefix + number.ToString(CultureInfo.InvariantCulture), TargetKeyId = keyId }, cancellationToken));

    private string VersionPrefix => _configured.Resource + "-v";

    private async Task<List<(int Number, string KeyId)>> VersionAliasesAsync(CancellationToken cancellationToken)
    {
        var found = new List<(int Number, string KeyId)>();
        string? marker = null;
        do
        {
            var page = await AwsFailures.AskAsync(() => kms.ListAliasesAsync(new ListAliasesRequest { Marker = marker }, cancellationToken));
            found.AddRange(
                from alias in page.Aliases ?? []
                where alias.TargetKeyId is not null && alias.AliasName.StartsWith(VersionPrefix, StringComparison.Ordinal)
                let number = int.TryParse(alias.AliasName.AsSpan(VersionPrefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var n) ? n : 0
                where number > 0
                select (number, alias.TargetKeyId));
            marker = page.Truncated == true ? page.NextMarker : null;
        }
        while (marker is not null);

        found.Sort();
        return found;
    }

    private static KeyMetadata RequireUsable(KeyMetadata key) =>
        key.KeyUsage == KeyUsageType.ENCRYPT_DECRYPT && key.KeySpec == KeySpec.SYMMETRIC_DEFAULT
            ? key
            : throw new VaultRefusedException($"The KMS key '{key.Arn}' is {key.KeySpec} for {key.KeyUsage}; it must be a symmetric key for ENCRYPT_DECRYPT.");

    private static void RequireLikeness(KeyMetadata current)
    {
        RequireUsable(current);
        if (current.Origin != OriginType.AWS_KMS && current.Origin != OriginType.AWS_CLOUDHSM)
        {
            throw new VaultRefusedException($"The KMS key '{current.Arn}' has material from elsewhere ({current.Origin}), of which the broker can make no other. Make the next key by hand, and move the alias to it (aws kms update-alias).");
        }
    }

    private void RequireHeld(string keyId)
    {
        if (!Holds(keyId))
        {
            throw new KeyNotFoundException($"'{keyId}' is not a key of this vault, which is '{_configured.Text}'.");
        }
    }
}
