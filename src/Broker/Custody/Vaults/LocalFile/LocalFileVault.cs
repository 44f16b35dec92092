using System.Security.Cryptography;
using Azure.Core.Cryptography;

namespace TokenBroker.Custody.Vaults.LocalFile;

/// <summary>
/// The embedded vault: 256-bit keys in a file of mode 0600, one base64 line each, the last one current; made on first
/// start. It keeps out a thief of the database or of a backup, not one who can read this machine's files as the broker's
/// own user.
/// </summary>
internal sealed class LocalFileVault : IKeyVault, IDisposable
{
    private const int KeySize = 32;
    private readonly string _path;
    private readonly Lock _gate = new();
    private List<LocalFileKek> _keys;

    private LocalFileVault(string path, List<LocalFileKek> keys) => (_path, _keys) = (path, keys);

    public string Kind => VaultSettings.LocalFileKind;

    public string Algorithm => LocalFileKek.Algorithm;

    /// <summary>Reads the key file, or makes it.</summary>
    /// <exception cref="InvalidOperationException">The file is readable by others, or not a key file.</exception>
    public static LocalFileVault LoadOrCreate(string path)
    {
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            Write(path, FileMode.CreateNew, [NewLine()]);
        }

        return new LocalFileVault(path, Read(path));
    }

    /// <summary>Any id of the kind: which of them the file has is told by <see cref="Resolve"/>.</summary>
    public bool Holds(string keyId) => keyId.StartsWith(LocalFileKek.IdPrefix, StringComparison.Ordinal);

    public Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) => Task.FromResult<IKeyEncryptionKey>(Reload()[^1]);

    public Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken)
    {
        var keys = Reload();
        return Task.FromResult<IReadOnlyList<KekVersion>>([.. keys.Select((key, i) => new KekVersion(key.KeyId, null, true, i == keys.Count - 1))]);
    }

    public Task<string> RotateAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            Replace([.. File.ReadAllLines(_path).Where(line => line.Length > 0), NewLine()]);
        }

        return Task.FromResult(Reload()[^1].KeyId);
    }

    public Task RetireAsync(string keyId, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            var keys = Reload();
            var at = keys.FindIndex(key => key.KeyId == keyId);
            if (at < 0 || at == keys.Count - 1)
            {
                throw new InvalidOperationException(at < 0 ? $"The key file {_path} has no key '{keyId}'." : $"'{keyId}' is the current key; rotate first.");
            }

            Replace([.. File.ReadAllLines(_path).Where(line => line.Length > 0).Where((_, i) => i != at)]);
            Reload();
        }

        return Task.CompletedTask;
    }

    public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default)
    {
        var known = Volatile.Read(ref _keys).Find(key => key.KeyId == keyId) ?? Reload().Find(key => key.KeyId == keyId);
        return known ?? throw new KeyNotFoundException(
            $"The vault has no key '{keyId}'; it has '{string.Join("', '", Volatile.Read(ref _keys).Select(key => key.KeyId))}'. The key file was replaced: restore the one that sealed this record.");
    }

    public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) =>
        Task.FromResult(Resolve(keyId, cancellationToken));

    public void Dispose() => _keys.ForEach(key => key.Dispose());

    /// <summary>What the file holds now; a key that was known keeps its object. One that left the file was retired: it is zeroed.</summary>
    private List<LocalFileKek> Reload()
    {
        lock (_gate)
        {
            var read = Read(_path);
            for (var i = 0; i < read.Count; i++)
            {
                if (_keys.Find(key => key.KeyId == read[i].KeyId) is { } known)
                {
                    read[i].Dispose();
                    read[i] = known;
                }
            }

            var gone = _keys.Except(read).ToList();
            Volatile.Write(ref _keys, read);
            gone.ForEach(key => key.Dispose());
            return read;
        }
    }

    private static List<LocalFileKek> Read(string path)
    {
        if (!OperatingSystem.IsWindows())
        {
            var others = File.GetUnixFileMode(path) & ~(UnixFileMode.UserRead | UnixFileMode.UserWrite);
            if (others != UnixFileMode.None)
            {
                throw new InvalidOperationException(
                    $"The vault key file {path} can be read by others ({others}). Run: chmod 600 '{path}'.");
            }
        }

        var keys = new List<LocalFileKek>();
        var key = new byte[KeySize];
        try
        {
            foreach (var line in File.ReadLines(path).Select(line => line.Trim()).Where(line => line.Length > 0))
            {
                if (!Convert.TryFromBase64String(line, key, out var length) || length != KeySize)
                {
                    keys.Clear();
                    break;
                }

                keys.Add(new LocalFileKek(key));
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(key);
        }

        return keys.Count > 0 ? keys : throw new InvalidOperationException(
            $"The vault key file {path} does not hold base64 keys of {KeySize} bytes, one a line. Restore it from a backup; without it no stored key opens.");
    }

    private static string NewLine() => Convert.ToBase64String(RandomNumberGenerator.GetBytes(KeySize));

    /// <summary>Another file in its place, at once: a crash leaves the old one or the new one.</summary>
    private void Replace(IReadOnlyList<string> lines)
    {
        var next = _path + ".new";
        File.Delete(next);
        Write(next, FileMode.CreateNew, lines);
        File.Move(next, _path, overwrite: true);
    }

    private static void Write(string path, FileMode mode, IReadOnlyList<string> lines)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        using var stream = new FileStream(path, options);
        using (var writer = new StreamWriter(stream, leaveOpen: true))
        {
            foreach (var line in lines)
            {
                writer.WriteLine(line);
            }
        }

        stream.Flush(flushToDisk: true);
    }
}
