using System.CommandLine;
using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Microsoft.Extensions.Options;
using TokenBroker.Audit;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Operations.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Backups;

/// <summary>
/// <c>backup</c>: a consistent copy of the database in one file, while the broker serves. The vault's key is never in it, and
/// it is not asked: the backup alone opens nothing.
/// </summary>
internal static class BackupCommand
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(200);

    public static Command Create(string[] configuration)
    {
        var to = new Option<FileInfo>("--to") { Description = "The file to write. It must not be there yet.", Required = true };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var backup = new Command(
            "backup",
            "Write a consistent copy of the database to one file; the broker may serve meanwhile. The vault's key is not in it: keep that apart. See docs/backup.md.") { to, json };
        backup.SetAction((result, cancellationToken) => CommandLine.ExplainAsync(
            "No backup was made",
            async () =>
            {
                await using var app = BrokerApplication.Create(configuration);
                app.Services.GetRequiredService<IOptions<StorageOptions>>().Value.RequireSqlite("Make a backup with 'pg_dump --format=custom', and keep the vault's key apart from it.");
                await using var scope = app.Services.CreateAsyncScope();
                await CommandLine.RequireDatabaseAsync(scope.ServiceProvider, cancellationToken);
                var path = result.GetRequiredValue(to).FullName;
                var manifest = await MakeAsync(scope.ServiceProvider, path, cancellationToken);
                Console.WriteLine(result.GetValue(json) ? JsonSerializer.Serialize(new { file = path, manifest }) : TextOf(path, manifest));
                return 0;
            }));
        return backup;
    }

    private static async Task<BackupManifest> MakeAsync(IServiceProvider services, string path, CancellationToken cancellationToken)
    {
        if (File.Exists(path))
        {
            throw new IOException($"{path} is there already. Give another name: a backup is never written over.");
        }

        var source = DatabaseCopy.PathOf(services.GetRequiredService<BrokerDbContext>());
        var time = services.GetRequiredService<TimeProvider>();
        var directory = Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Guid.NewGuid():N}");
        StorageSetup.CreatePrivateDirectory(directory);
        try
        {
            var copy = Path.Combine(directory, Path.GetFileName(source));
            var madeAt = time.GetUtcNow().UtcDateTime;
            await CopyAsync(source, copy, time, cancellationToken);
            await DatabaseCopy.RequireWholeAsync(copy, cancellationToken);
            var manifest = new BackupManifest
            {
                Format = BackupManifest.NewestFormat,
                Program = ProgramVersion,
                Migration = await DatabaseCopy.MigrationOfAsync(copy, cancellationToken),
                MadeAt = madeAt,
                Bytes = new FileInfo(copy).Length,
                Sha256 = await BackupFile.Sha256Async(copy, cancellationToken),
                Rows = await DatabaseCopy.CountAsync(copy, cancellationToken),
                KekVersions = await KekVersionsAsync(services, directory, cancellationToken),
            };
            using (var progress = new ProgressLine("Packing, bytes", time))
            {
                await BackupFile.WriteAsync(path, copy, manifest, done => progress.Show(done, manifest.Bytes), cancellationToken);
            }

            await RecordAsync(services, manifest, cancellationToken);
            return manifest;
        }
        finally
        {
            Directory.Delete(directory, recursive: true);
        }
    }

    private static string ProgramVersion =>
        typeof(BackupCommand).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>SQLite says nothing of how far it is: the copy's size does, nearly.</summary>
    private static async Task CopyAsync(string source, string copy, TimeProvider time, CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine("Copying, bytes", time);

        // On a thread of its own: SQLite works in the caller's.
        var copying = Task.Run(() => DatabaseCopy.MakeAsync(source, copy, cancellationToken), cancellationToken);
        while (await Task.WhenAny(copying, Task.Delay(LookEvery, time, cancellationToken)) != copying)
        {
            if (File.Exists(copy))
            {
                var (done, all) = (new FileInfo(copy).Length, new FileInfo(source).Length);
                progress.Show(Math.Min(done, all), all);
            }
        }

        await copying;
    }

    /// <summary>Read from the copy, with the program's own parts put on it.</summary>
    private static async Task<IReadOnlyDictionary<string, long>?> KekVersionsAsync(IServiceProvider services, string directory, CancellationToken cancellationToken)
    {
        await using var db = StagedDatabase.Open(services, directory);
        if (await db.HasPendingMigrationsAsync(cancellationToken))
        {
            return null;
        }

        var uses = await services.GetRequiredService<KekInventory>().CountAsync(db, cancellationToken);
        return uses.GroupBy(use => use.KekId).ToDictionary(group => group.Key, group => group.Sum(use => use.Records));
    }

    private static async Task RecordAsync(IServiceProvider services, BackupManifest manifest, CancellationToken cancellationToken)
    {
        var audit = services.GetRequiredService<AuditLog>();
        await services.GetRequiredService<BrokerDbContext>().InTransactionAsync(
            () => audit.RecordAsync(
                "backup.made", KekEvents.Actor, "backup:" + manifest.Sha256, null, new { made_at = manifest.MadeAt, bytes = manifest.Bytes }, cancellationToken),
            cancellationToken);
    }

    private static string TextOf(string path, BackupManifest manifest) => string.Create(
        CultureInfo.InvariantCulture,
        $"""
         {path}: {manifest.Bytes:N0} bytes of database, {manifest.Rows.GetValueOrDefault("users"):N0} accounts, {manifest.Rows.GetValueOrDefault("upstream_keys"):N0} keys.
         It opens with the vault alone that holds: {(manifest.KekVersions is { Count: > 0 } versions ? string.Join(", ", versions.Keys) : "(none, or not known for a database of an earlier version)")}
         Keep that vault, or its key file, somewhere else than this file: each without the other opens nothing.
         """);
}
