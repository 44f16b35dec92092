using System.Globalization;
using System.Text.Json;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults.Transit;

/// <summary>
/// A key of the Transit engine of HashiCorp Vault or OpenBao, of the type aes256-gcm96: its versions stay there, and each
/// wrapped key is bound to its record by the vault itself. It keeps out who has the database, and who has this machine
/// for as long only as its token lives; not who can use that token.
/// </summary>
internal sealed class TransitVault(TransitKeyName name, TransitClient client) : IKeyVault, IDisposable
{
    private sealed record Key(int Latest, int Oldest, IReadOnlyDictionary<int, DateTimeOffset?> Versions);

    public string Kind => VaultSettings.TransitKind;

    public string Algorithm => TransitKek.Algorithm;

    /// <exception cref="InvalidOperationException">A setting is missing or wrong.</exception>
    public static TransitVault Create(VaultSettings settings, IServiceProvider services)
    {
        var options = settings.Transit ?? new TransitVaultOptions();
        var name = TransitKeyName.Parse(options);
        if (string.IsNullOrEmpty(options.TokenFile) == string.IsNullOrEmpty(options.Token))
        {
            throw new InvalidOperationException("Vault:Transit needs a token: TokenFile, which an agent may renew, or Token; one of them.");
        }

        return new TransitVault(name, new TransitClient(name, token => TokenAsync(options, token), services.GetRequiredService<VaultTransport>()));
    }

    public bool Holds(string keyId) => name.VersionOf(keyId) is not null;

    public async Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) => new TransitKek(client, name, (await ReadAsync(cancellationToken)).Latest);

    public async Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken)
    {
        var key = await ReadAsync(cancellationToken);
        return [.. key.Versions.OrderBy(version => version.Key)
            .Select(version => new KekVersion(name.IdOf(version.Key), version.Value, version.Key >= key.Oldest, version.Key == key.Latest))];
    }

    public async Task<string> RotateAsync(CancellationToken cancellationToken)
    {
        await ChangeAsync(name.Operation("keys", "rotate"), "{}"u8.ToArray(), cancellationToken);
        return name.IdOf((await ReadAsync(cancellationToken)).Latest);
    }

    /// <summary>Raises <c>min_decryption_version</c>, below which nothing is decrypted: only the oldest enabled version can be retired.</summary>
    public async Task RetireAsync(string keyId, CancellationToken cancellationToken)
    {
        var version = VersionOf(keyId);
        var key = await ReadAsync(cancellationToken);
        if (version < key.Oldest)
        {
            return;
        }

        if (version >= key.Latest || version > key.Oldest)
        {
            throw new InvalidOperationException(
                version >= key.Latest
                    ? $"'{keyId}' is the current version; rotate first."
                    : $"Transit retires the oldest version first, and '{name.IdOf(key.Oldest)}' is older than '{keyId}'.");
        }

        var next = (version + 1).ToString(CultureInfo.InvariantCulture);
        await ChangeAsync(name.Operation("keys", "config"), System.Text.Encoding.ASCII.GetBytes($"{{\"min_decryption_version\":{next}}}"), cancellationToken);
        if ((await ReadAsync(cancellationToken)).Oldest <= version)
        {
            throw new VaultUnavailableException($"{name.Address.Authority} answered that it changed the key, and the version '{keyId}' is still enabled.");
        }
    }

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => Task.FromResult(Resolve(keyId, cancellationToken));

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => new TransitKek(client, name, VersionOf(keyId));

    public void Dispose() => client.Dispose();

    /// <summary>The token of the moment.</summary>
    private static async Task<string> TokenAsync(TransitVaultOptions options, CancellationToken cancellationToken)
    {
        var token = options.Token;
        if (options.TokenFile is { Length: > 0 } file)
        {
            try
            {
                token = await File.ReadAllTextAsync(file, cancellationToken);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new VaultRefusedException($"The vault's token cannot be read from {file}: {exception.Message}", exception);
            }
        }

        token = token?.Trim() ?? "";
        return token.Length is > 0 and <= 8192 && token.All(char.IsAscii) && !token.Any(char.IsControl)
            ? token
            : throw new VaultRefusedException($"{options.TokenFile ?? "Vault:Transit:Token"} holds no token.");
    }

    private int VersionOf(string keyId) =>
        name.VersionOf(keyId) ?? throw new KeyNotFoundException($"'{keyId}' is no version of the key '{name.Key}' at {name.Address.Authority}.");

    private async Task<Key> ReadAsync(CancellationToken cancellationToken) =>
        await AskAsync(HttpMethod.Get, name.Operation("keys"), [], Read, cancellationToken);

    /// <summary>Vault says 204 or 200, with the key or without; what became of it is read afterwards.</summary>
    private async Task ChangeAsync(Uri uri, byte[] body, CancellationToken cancellationToken) =>
        await AskAsync(HttpMethod.Post, uri, body, static _ => "", cancellationToken);

    private async Task<T> AskAsync<T>(HttpMethod method, Uri uri, byte[] body, Func<JsonElement?, T?> read, CancellationToken cancellationToken)
        where T : class
    {
        try
        {
            return await client.SendAsync(method, uri, body, read, cancellationToken);
        }
        catch (TransitClient.BadRequestException exception)
        {
            throw new VaultRefusedException(exception.Message, exception);
        }
    }

    private Key? Read(JsonElement? answer)
    {
        var data = answer.Member("data");
        var type = data.Member("type").Text();
        if (type is not null && (type != TransitKek.Algorithm || data.Member("derived").Truth() == true))
        {
            throw new VaultRefusedException(
                $"The key '{name.Key}' is of the type '{VaultTransport.Quote(type)}'{(data.Member("derived").Truth() == true ? ", derived" : "")}; it must be {TransitKek.Algorithm} and not derived.");
        }

        var oldest = Math.Max(data.Member("min_decryption_version").Number() ?? 0, data.Member("min_available_version").Number() ?? 0);
        if (type is null || data.Member("latest_version").Number() is not (> 0 and < 1_000_000_000 and var latest) || oldest > latest
            || data.Member("keys") is not { ValueKind: JsonValueKind.Object } keys)
        {
            return null;
        }

        var versions = new Dictionary<int, DateTimeOffset?>();
        foreach (var version in keys.EnumerateObject())
        {
            if (!int.TryParse(version.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number > latest)
            {
                return null;
            }

            versions[number] = ((JsonElement?)version.Value).Number() is >= 0 and < 253402300800 and { } created ? DateTimeOffset.FromUnixTimeSeconds(created) : null;
        }

        // Versions below min_decryption_version are archived, and not listed.
        return versions.ContainsKey((int)latest) ? new Key((int)latest, Math.Max((int)oldest, 1), versions) : null;
    }
}
