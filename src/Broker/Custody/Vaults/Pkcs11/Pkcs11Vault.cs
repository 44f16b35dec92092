using System.Buffers;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults.Pkcs11;

/// <summary>
/// A PKCS#11 token: the KEK is an AES-256 key that the token made, that is sensitive and cannot be extracted; its versions
/// are the keys of one label, in the order of their CKA_ID, the last one current. It keeps out whoever has the database,
/// the disk and the configuration, but not one who can use the token with the PIN.
/// </summary>
internal sealed partial class Pkcs11Vault(Pkcs11Options options, ILogger<Pkcs11Vault> log) : IKeyVault, IDisposable
{
    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");
    private readonly string _idPrefix = $"pkcs11:{Uri.EscapeDataString(options.TokenLabel.Trim())}/{Uri.EscapeDataString(options.KeyLabel)}:";
    private readonly TokenSessions _sessions = new(options);
    private volatile bool _hadKey;

    public string Kind => VaultSettings.Pkcs11Kind;

    public string Algorithm => Pkcs11Kek.Algorithm;

    public bool Holds(string keyId) =>
        keyId.StartsWith(_idPrefix, StringComparison.Ordinal) && keyId.Length > _idPrefix.Length && keyId.Length % 2 == _idPrefix.Length % 2
        && keyId.AsSpan(_idPrefix.Length).IndexOfAnyExcept(Hexadecimal) < 0;

    /// <summary>The newest key. Where the token has no object of the label at all, and never had one while this runs, it makes the first.</summary>
    public async Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken)
    {
        var newest = await _sessions.RunAsync(NewestOrFirst, null, cancellationToken);
        _hadKey = true;
        return newest.StaysIn
            ? Kek(newest.Id)
            : throw new VaultRefusedException($"The key '{_idPrefix}{newest.Id}' could be taken out of its token: it must be sensitive and not extractable. Rotate to a key that the token makes.");
    }

    public async Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken)
    {
        var keys = await _sessions.RunAsync(session => session.Keys(), null, cancellationToken);
        return [.. keys.Select((key, i) => new KekVersion(_idPrefix + key.Id, null, key.IsEnabled, i == keys.Count - 1))];
    }

    public async Task<string> RotateAsync(CancellationToken cancellationToken)
    {
        var id = await _sessions.RunAsync(session => session.Generate(session.Keys()), null, cancellationToken);
        _hadKey = true;
        return _idPrefix + id;
    }

    /// <summary>Destroys the key. Nobody can bring it back, but from a backup of the token.</summary>
    public Task RetireAsync(string keyId, CancellationToken cancellationToken) => _sessions.RunAsync(
        session =>
        {
            var id = IdOf(keyId);
            var keys = session.Keys();
            if (keys.Count > 0 && keys[^1].Id == id)
            {
                throw new InvalidOperationException($"'{keyId}' is the current key; rotate first.");
            }

            session.Destroy(id);
            return 0;
        },
        null,
        cancellationToken);

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) =>
        ResolveAsync(keyId, cancellationToken).GetAwaiter().GetResult();

    public async Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default)
    {
        var id = IdOf(keyId);
        await _sessions.RunAsync(
            session =>
            {
                session.Require(id);
                return 0;
            },
            null,
            cancellationToken);
        return Kek(id);
    }

    public void Dispose() => _sessions.Dispose();

    private Pkcs11Kek Kek(string id) => new(_sessions, _idPrefix + id, id);

    private TokenKey NewestOrFirst(TokenSession session)
    {
        var keys = session.Keys();
        if (keys.Count > 0)
        {
            return keys[^1];
        }

        if (_hadKey)
        {
            throw new KeyNotFoundException($"The token has lost every key with the label '{options.KeyLabel}'. Restore it from its backup; nothing new is sealed meanwhile.");
        }

        var id = session.Generate(keys);
        LogMadeFirst(log, options.TokenLabel, _idPrefix + id);
        return session.Keys().Single(key => key.Id == id);
    }

    private string IdOf(string keyId) =>
        Holds(keyId) ? keyId[_idPrefix.Length..] : throw new KeyNotFoundException($"'{keyId}' is not a key of this vault, whose ids start with '{_idPrefix}'.");

    [LoggerMessage(LogLevel.Warning, "The PKCS#11 token '{Token}' had no key: made '{KeyId}'. If the database holds records already, this is the wrong token, or its keys are lost.")]
    private static partial void LogMadeFirst(ILogger logger, string token, string keyId);
}
