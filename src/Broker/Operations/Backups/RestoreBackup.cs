using System.Globalization;
using System.IO.Compression;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using OpenIddict.Abstractions;
using TokenBroker.Audit;
using TokenBroker.Operations.Vaults;
using TokenBroker.Storage;

namespace TokenBroker.Operations.Backups;

internal sealed record EndedByRestore(int Sessions, int Tokens, int ApiTokens, int Grants);

internal sealed record RestoredBackup(BackupManifest Manifest, string? SetAside, EndedByRestore? Ended, bool VaultChecked);

/// <summary>
/// Puts a backup in the place of the database. Everything is done to a copy that lies beside it: it is checked, brought up to
/// date, held against the vault, and what may have been revoked since is revoked. Then it is moved to its place in one step, so
/// that a failure or a kill before that changes nothing. A backup knows nothing of what was revoked after it: without the
/// last step a restore would give a thief his token back.
/// </summary>
internal sealed class RestoreBackup(string[] configuration)
{
    /// <exception cref="InvalidOperationException">It cannot be restored; the message says why and what to do.</exception>
    /// <exception cref="InvalidDataException">The file is damaged.</exception>
    public async Task<RestoredBackup> RunAsync(string path, bool replace, bool keepSessions, bool checkVault, CancellationToken cancellationToken)
    {
        await using var home = BrokerApplication.Create(configuration);
        var time = home.Services.GetRequiredService<TimeProvider>();
        home.Services.GetRequiredService<IOptions<StorageOptions>>().Value.RequireSqlite("Stop every node and restore with 'pg_restore', then end what may have been ended since.");
        var directory = home.Services.GetRequiredService<IOptions<StorageOptions>>().Value.DataDirectory;
        var place = Path.Combine(directory, StagedDatabase.FileName);
        RequireRoom(place, replace);
        if (checkVault && LocalVaultFile.Missing(home.Services) is { } missing)
        {
            throw new InvalidOperationException(
                $"The vault key file {missing} is missing. The backup needs {await NeededAsync(path, cancellationToken)}. Put the file there first, or give --without-vault-check.");
        }

        home.Services.GetRequiredService<DataDirectoryUse>().TakeAlone();
        var staging = Path.Combine(directory, $"restoring-{Guid.NewGuid():N}");
        StorageSetup.CreatePrivateDirectory(staging);
        try
        {
            var staged = Path.Combine(staging, StagedDatabase.FileName);
            var manifest = await UnpackAsync(path, staged, time, cancellationToken);
            await RequireKnownAsync(home.Services, staged, manifest, cancellationToken);
            EndedByRestore? ended;
            await using (var program = StagedDatabase.CreateProgram(configuration, staging))
            {
                await program.Services.PrepareStorageAsync(cancellationToken);
                if (checkVault)
                {
                    await VaultCheck.RequireOpensAsync(program.Services, cancellationToken);
                }

                ended = await EndAsync(program.Services, manifest, keepSessions, cancellationToken);
            }

            SqliteConnection.ClearAllPools();
            await DatabaseCopy.BecomeOneFileAsync(staged, cancellationToken);
            var aside = await SetAsideAsync(place, time, cancellationToken);
            File.Move(staged, place, overwrite: true);
            return new RestoredBackup(manifest, aside, ended, checkVault);
        }
        finally
        {
            SqliteConnection.ClearAllPools();
            Directory.Delete(staging, recursive: true);
        }
    }

    private static void RequireRoom(string place, bool replace)
    {
        if (File.Exists(place) && new FileInfo(place).Length > 0 && !replace)
        {
            throw new InvalidOperationException($"There is a database at {place}. Give --replace to set it aside, or another --Storage:DataDirectory.");
        }
    }

    private static async Task<string> NeededAsync(string path, CancellationToken cancellationToken)
    {
        await using var zip = await OpenAsync(path, cancellationToken);
        var versions = (await BackupFile.ReadManifestAsync(zip, cancellationToken)).KekVersions;
        return versions is { Count: > 0 } ? "the key versions " + string.Join(", ", versions.Keys) : "the vault that sealed it";
    }

    private static async Task<BackupManifest> UnpackAsync(string path, string staged, TimeProvider time, CancellationToken cancellationToken)
    {
        using var progress = new ProgressLine("Unpacking, bytes", time);
        await using var zip = await OpenAsync(path, cancellationToken);
        var manifest = await BackupFile.ReadManifestAsync(zip, cancellationToken);
        await BackupFile.ExtractAsync(zip, manifest, staged, done => progress.Show(done, manifest.Bytes), cancellationToken);
        await DatabaseCopy.RequireWholeAsync(staged, cancellationToken);
        return manifest;
    }

    private static async Task<ZipArchive> OpenAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await ZipFile.OpenReadAsync(path, cancellationToken);
        }
        catch (InvalidDataException exception)
        {
            throw new InvalidDataException($"{path} is no backup, or damaged: {exception.Message}", exception);
        }
    }

    private static async Task RequireKnownAsync(IServiceProvider services, string staged, BackupManifest manifest, CancellationToken cancellationToken)
    {
        var migration = await DatabaseCopy.MigrationOfAsync(staged, cancellationToken);
        await using var scope = services.CreateAsyncScope();
        if (migration != manifest.Migration || !scope.ServiceProvider.GetRequiredService<BrokerDbContext>().Database.GetMigrations().Contains(migration))
        {
            throw new InvalidOperationException(
                $"Its tables are of '{migration}', which this program does not know. Restore it with the program that made it, {manifest.Program}, or a later one.");
        }
    }

    private static async Task<EndedByRestore?> EndAsync(IServiceProvider services, BackupManifest manifest, bool keepSessions, CancellationToken cancellationToken)
    {
        await using var scope = services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        var audit = scope.ServiceProvider.GetRequiredService<AuditLog>();
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime;
        EndedByRestore? ended = null;
        await db.InTransactionAsync(
            async () =>
            {
                if (!keepSessions)
                {
                    ended = new EndedByRestore(
                        await db.Sessions.Where(s => s.EndedAt == null).ExecuteUpdateAsync(set => set.SetProperty(s => s.EndedAt, now), cancellationToken),
                        await db.Tokens.Where(t => t.Status != OpenIddictConstants.Statuses.Revoked)
                            .ExecuteUpdateAsync(set => set.SetProperty(t => t.Status, OpenIddictConstants.Statuses.Revoked), cancellationToken),
                        await db.ApiTokens.ExecuteDeleteAsync(cancellationToken),

                        // One may have been ended since. Its person decides again: in the portal, or when the app asks.
                        await db.Grants.Where(g => g.Status == OpenIddictConstants.Statuses.Valid && g.PausedAt == null)
                            .ExecuteUpdateAsync(set => set.SetProperty(g => g.PausedAt, now).SetProperty(g => g.Revision, g => g.Revision + 1), cancellationToken));
                    await db.CarriedKeys.ExecuteDeleteAsync(cancellationToken);
                }

                await audit.RecordAsync(
                    "backup.restored", KekEvents.Actor, "backup:" + manifest.Sha256, null,
                    new { made_at = manifest.MadeAt, sessions_kept = keepSessions, sessions = ended?.Sessions, tokens = ended?.Tokens, api_tokens = ended?.ApiTokens, grants_paused = ended?.Grants },
                    cancellationToken);
            },
            cancellationToken);
        return ended;
    }

    /// <summary>Keeps a copy of what is there, and moves its side files away: a stale write-ahead log would be played into the restored database.</summary>
    private static async Task<string?> SetAsideAsync(string place, TimeProvider time, CancellationToken cancellationToken)
    {
        var suffix = time.GetUtcNow().ToString("'.'yyyy-MM-dd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        string? aside = null;
        if (File.Exists(place) && new FileInfo(place).Length > 0)
        {
            try
            {
                await DatabaseCopy.BecomeOneFileAsync(place, cancellationToken);
            }
            catch (SqliteException exception) when (exception.SqliteErrorCode is 5 or 6)
            {
                throw new InvalidOperationException("Another program has the database open. Stop it first.", exception);
            }
            catch (SqliteException exception) when (exception.SqliteErrorCode is 11 or 26)
            {
                // It is damaged, which may be why another is restored: it is set aside as it is.
            }

            aside = place + suffix;
            File.Copy(place, aside);
        }

        foreach (var side in (ReadOnlySpan<string>)["-wal", "-shm", "-journal"])
        {
            if (File.Exists(place + side))
            {
                File.Move(place + side, place + suffix + side);
            }
        }

        return aside;
    }
}
