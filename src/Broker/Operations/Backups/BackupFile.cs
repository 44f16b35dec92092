using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace TokenBroker.Operations.Backups;

/// <summary>What a backup says of itself, beside the database in it.</summary>
internal sealed record BackupManifest
{
    public const int NewestFormat = 1;

    [JsonPropertyName("format")]
    public required int Format { get; init; }

    /// <summary>Of the program that made it.</summary>
    [JsonPropertyName("program")]
    public required string Program { get; init; }

    /// <summary>The last migration that the database has.</summary>
    [JsonPropertyName("migration")]
    public required string Migration { get; init; }

    [JsonPropertyName("made_at")]
    public required DateTime MadeAt { get; init; }

    [JsonPropertyName("bytes")]
    public required long Bytes { get; init; }

    [JsonPropertyName("sha256")]
    public required string Sha256 { get; init; }

    /// <summary>Rows of each table.</summary>
    [JsonPropertyName("rows")]
    public required IReadOnlyDictionary<string, long> Rows { get; init; }

    /// <summary>The KEK versions that are needed to open it, and how many records each wraps. Null where the database is of an earlier version than the program.</summary>
    [JsonPropertyName("kek_versions")]
    public required IReadOnlyDictionary<string, long>? KekVersions { get; init; }
}

/// <summary>
/// The file that a backup is: a zip of the manifest and the database. The checksum finds damage, not malice: who can write
/// a backup can write its manifest. What the envelopes and the audit chain guard is guarded there too.
/// </summary>
internal static class BackupFile
{
    private const string ManifestName = "manifest.json";
    private const string DatabaseName = "broker.db";
    private const int LargestManifest = 1024 * 1024;
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>For the owner alone; never in the place of something.</summary>
    public static FileStream CreatePrivate(string path)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.Asynchronous };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        }

        return new FileStream(path, options);
    }

    public static async Task<string> Sha256Async(string path, CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellationToken));
    }

    /// <summary>Writes it beside its place and moves it there when it is whole and on the disk.</summary>
    public static async Task WriteAsync(string path, string database, BackupManifest manifest, Action<long> tell, CancellationToken cancellationToken)
    {
        var unfinished = path + ".unfinished";
        File.Delete(unfinished);
        try
        {
            await using (var file = CreatePrivate(unfinished))
            {
                await using (var zip = new ZipArchive(file, ZipArchiveMode.Create, leaveOpen: true))
                {
                    await using (var entry = await zip.CreateEntry(ManifestName).OpenAsync(cancellationToken))
                    {
                        await JsonSerializer.SerializeAsync(entry, manifest, Indented, cancellationToken);
                    }

                    await using var copy = await zip.CreateEntry(DatabaseName, CompressionLevel.Fastest).OpenAsync(cancellationToken);
                    await using var source = File.OpenRead(database);
                    await CopyAsync(source, copy, long.MaxValue, tell, cancellationToken);
                }

                file.Flush(flushToDisk: true);
            }

            File.Move(unfinished, path, overwrite: false);
        }
        finally
        {
            File.Delete(unfinished);
        }
    }

    /// <exception cref="InvalidDataException">It is damaged, or no backup.</exception>
    public static async Task<BackupManifest> ReadManifestAsync(ZipArchive zip, CancellationToken cancellationToken)
    {
        if (zip.GetEntry(ManifestName) is not { Length: <= LargestManifest } entry || zip.GetEntry(DatabaseName) is null || zip.Entries.Count != 2)
        {
            throw new InvalidDataException("It is no backup: it does not hold a manifest and a database, and nothing else.");
        }

        try
        {
            await using var content = await entry.OpenAsync(cancellationToken);
            var manifest = await JsonSerializer.DeserializeAsync<BackupManifest>(content, cancellationToken: cancellationToken)
                ?? throw new InvalidDataException("Its manifest is empty.");
            return manifest.Format == BackupManifest.NewestFormat ? manifest : throw new InvalidDataException(
                $"It is a backup of format {manifest.Format}, and this program knows {BackupManifest.NewestFormat}. Restore it with the program that made it, {manifest.Program}, or a later one.");
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException("Its manifest is damaged.", exception);
        }
    }

    /// <summary>Unpacks the database. No more is written than the manifest says that there is.</summary>
    /// <exception cref="InvalidDataException">It is not what the manifest says.</exception>
    public static async Task ExtractAsync(ZipArchive zip, BackupManifest manifest, string path, Action<long> tell, CancellationToken cancellationToken)
    {
        await using (var database = CreatePrivate(path))
        {
            await using var entry = await zip.GetEntry(DatabaseName)!.OpenAsync(cancellationToken);
            await CopyAsync(entry, database, manifest.Bytes, tell, cancellationToken);
            database.Flush(flushToDisk: true);
        }

        if (new FileInfo(path).Length != manifest.Bytes || await Sha256Async(path, cancellationToken) != manifest.Sha256)
        {
            throw new InvalidDataException("The database in it is not the one that the manifest describes: the file is damaged.");
        }
    }

    private static async Task CopyAsync(Stream from, Stream to, long most, Action<long> tell, CancellationToken cancellationToken)
    {
        var buffer = new byte[256 * 1024];
        var copied = 0L;
        for (int read; (read = await from.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            copied += read;
            if (copied > most)
            {
                throw new InvalidDataException("The database in it is larger than the manifest says: the file is damaged.");
            }

            await to.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            tell(copied);
        }
    }
}
