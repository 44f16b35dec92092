using System.Text.Json;
using Azure.Core;
using Azure.Core.Cryptography;
using Azure.Identity;

namespace TokenBroker.Custody.Vaults.Azure;

/// <summary>
/// A key in Azure Key Vault or Managed HSM. Its versions wrap and unwrap in the vault; nothing of them comes here. What
/// wraps is the newest enabled version; what unwraps is the version whose id stands beside the record. Everything that the
/// vault sends back is checked against the configured host and key. It keeps out who has the database, and who has
/// this machine for as long only as its identity is allowed at the vault; not who can use that identity.
/// </summary>
/// <remarks>
/// https://learn.microsoft.com/rest/api/keyvault/keys. The Azure SDK's <c>KeyResolver</c> is an
/// <see cref="IKeyEncryptionKeyResolver"/> too and could stand for <see cref="ResolveAsync"/>; <c>KeyClient</c> for the rest.
/// </remarks>
internal sealed class AzureKeyVault(AzureKeyName name, AzureKeyKind kind, AzureKeyClient client) : IKeyVault
{
    private const int MostPages = 100;
    private const int SmallestModulus = 256;

    private sealed record Version(string Id, string? KeyType, bool IsEnabled, DateTimeOffset? CreatedAt, string[]? Operations, int Modulus);

    private sealed record Page(List<Version> Versions, string? NextLink);

    public string Kind => kind.Kind;

    public string Algorithm => kind.Algorithm;

    public static AzureKeyVault KeyVault(VaultSettings settings, IServiceProvider services) => Create(AzureKeyKind.KeyVault, settings, services);

    public static AzureKeyVault ManagedHsm(VaultSettings settings, IServiceProvider services) => Create(AzureKeyKind.ManagedHsm, settings, services);

    public bool Holds(string keyId) => name.Owns(keyId);

    public async Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) => Kek((await NewestAsync(cancellationToken)).Id);

    public async Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken)
    {
        var current = await NewestAsync(cancellationToken);

        // The vault tells the time of a version to the second only: the current one is last whatever the clock says.
        return [.. (await ListAsync(cancellationToken))
            .OrderBy(version => version.Id == current.Id).ThenBy(version => version.CreatedAt)
            .Select(version => new KekVersion(version.Id, version.CreatedAt, version.IsEnabled, version.Id == current.Id))];
    }

    public async Task<string> RotateAsync(CancellationToken cancellationToken) =>
        (await AskAsync(RequestMethod.Post, name.Operation(null, "rotate"), default, Read, cancellationToken, once: true)).Id;

    public async Task RetireAsync(string keyId, CancellationToken cancellationToken)
    {
        if (!Holds(keyId))
        {
            throw new KeyNotFoundException($"'{keyId}' is no version of the key {name.Name} at {name.Host}.");
        }

        if ((await NewestAsync(cancellationToken)).Id == keyId)
        {
            throw new InvalidOperationException($"'{keyId}' is the current version; rotate first.");
        }

        var retired = await AskAsync(RequestMethod.Patch, name.Operation(keyId, null), """{"attributes":{"enabled":false}}"""u8.ToArray(), Read, cancellationToken);
        if (retired.Id != keyId || retired.IsEnabled)
        {
            throw new VaultUnavailableException($"{name.Host} answered that it changed the key, and the version '{keyId}' is still enabled.");
        }
    }

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) =>
        Holds(keyId) ? Kek(keyId) : throw new KeyNotFoundException($"'{keyId}' is no version of the key {name.Name} at {name.Host}.");

    private static AzureKeyVault Create(AzureKeyKind kind, VaultSettings settings, IServiceProvider services)
    {
        var options = settings.Azure ?? new AzureVaultOptions();
        var name = AzureKeyName.Parse(options.KeyId);
        var credential = services.GetService<TokenCredential>() ?? CredentialOf(options);
        return new AzureKeyVault(name, kind, new AzureKeyClient(name.Host, credential, services.GetRequiredService<VaultTransport>()));
    }

    private static TokenCredential CredentialOf(AzureVaultOptions options) => options switch
    {
        { ClientSecret: { } secret, TenantId: { } tenant, ClientId: { } client } => new ClientSecretCredential(tenant, client, secret),
        { ClientSecret: not null } => throw new InvalidOperationException("Vault:Azure:ClientSecret needs Vault:Azure:TenantId and Vault:Azure:ClientId."),
        { ClientId: { } identity } => new ManagedIdentityCredential(ManagedIdentityId.FromUserAssignedClientId(identity)),
        _ => new DefaultAzureCredential(),
    };

    private AzureKek Kek(string keyId) => new(client, name, kind, keyId);

    /// <summary>The newest version, or where that is disabled the newest that is not.</summary>
    private async Task<Version> NewestAsync(CancellationToken cancellationToken)
    {
        var newest = await AskAsync(RequestMethod.Get, name.Operation(null, null), default, Read, cancellationToken);
        if (!newest.IsEnabled)
        {
            var enabled = (await ListAsync(cancellationToken)).Where(version => version.IsEnabled).MaxBy(version => version.CreatedAt)
                ?? throw new VaultRefusedException($"Every version of the key {name.Name} at {name.Host} is disabled. Enable one, or rotate the key.");
            newest = await AskAsync(RequestMethod.Get, name.Operation(enabled.Id, null), default, Read, cancellationToken);
        }

        return Fit(newest);
    }

    private Version Fit(Version version)
    {
        var fault = version switch
        {
            { KeyType: var type } when !kind.KeyTypes.Contains(type) => $"is of the type '{VaultTransport.Quote(version.KeyType)}', and {kind.Kind} wraps with {string.Join(" or ", kind.KeyTypes)}",
            { Modulus: < SmallestModulus } when kind == AzureKeyKind.KeyVault => $"has {version.Modulus * 8} bits, and {SmallestModulus * 8} are the least",
            { Operations: { } operations } when !operations.Contains("wrapKey") || !operations.Contains("unwrapKey") => "is not permitted the operations wrapKey and unwrapKey",
            _ => null,
        };
        return fault is null ? version : throw new VaultRefusedException($"The key {version.Id} {fault}. Configure another, or change its permitted operations.");
    }

    private async Task<List<Version>> ListAsync(CancellationToken cancellationToken)
    {
        var versions = new List<Version>();
        var next = name.Operation(null, "versions");
        for (var pages = 0; pages < MostPages; pages++)
        {
            var page = await AskAsync(RequestMethod.Get, next, default, ReadPage, cancellationToken);
            versions.AddRange(page.Versions);
            if (page.NextLink is not { Length: > 0 } link)
            {
                return versions;
            }

            if (!name.TryFollow(link, out next))
            {
                throw new VaultRefusedException($"{name.Host} says that more versions are at '{VaultTransport.Quote(link)}', which is not its own list of this key. It was not asked.");
            }
        }

        throw new VaultUnavailableException($"{name.Host} lists versions without end.");
    }

    private async Task<T> AskAsync<T>(
        RequestMethod method, Uri uri, ReadOnlyMemory<byte> body, Func<JsonElement?, T?> read, CancellationToken cancellationToken, bool once = false)
        where T : class
    {
        try
        {
            return await client.SendAsync(method, uri, body, read, cancellationToken, once);
        }
        catch (AzureKeyClient.BadRequestException exception)
        {
            throw new VaultRefusedException(exception.Message, exception);
        }
    }

    private Version? Read(JsonElement? answer)
    {
        var key = answer.Member("key");
        return Read(key.Member("kid").Text(), answer.Member("attributes"), key);
    }

    private Page? ReadPage(JsonElement? answer)
    {
        var versions = answer.Member("value").Items()?.Select(item => Read(((JsonElement?)item).Member("kid").Text(), ((JsonElement?)item).Member("attributes"), null)).ToList();
        return versions is null || versions.Contains(null) ? null : new Page(versions.OfType<Version>().ToList(), answer.Member("nextLink").Text());
    }

    private Version? Read(string? id, JsonElement? attributes, JsonElement? key)
    {
        if (id is not null && !name.Owns(id))
        {
            throw new VaultRefusedException($"{name.Host} answered about '{VaultTransport.Quote(id)}', which is not the key '{name.Name}' there; write Vault:Azure:KeyId as the vault spells it.");
        }

        return id is null || attributes.Member("enabled").Truth() is not { } enabled
            ? null
            : new Version(
                id, key.Member("kty").Text(), enabled,
                attributes.Member("created").Number() is >= 0 and < 253402300800 and { } created ? DateTimeOffset.FromUnixTimeSeconds(created) : null,
                key.Member("key_ops").Items()?.Select(item => ((JsonElement?)item).Text() ?? "").ToArray(),
                key.Member("n").RawText().Length * 3 / 4);
    }
}
