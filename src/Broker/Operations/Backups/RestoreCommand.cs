using System.CommandLine;
using System.Globalization;
using System.Text.Json;

namespace TokenBroker.Operations.Backups;

/// <summary><c>restore</c>.</summary>
internal static class RestoreCommand
{
    public static Command Create(string[] configuration)
    {
        var from = new Option<FileInfo>("--from") { Description = "The file that 'backup' wrote.", Required = true };
        var replace = new Option<bool>("--replace") { Description = "Where there is a database already, set it aside, with the date in its name." };
        var keepSessions = new Option<bool>("--keep-sessions")
        {
            Description = "Leave sessions, tokens and grants as they were. What was signed out or revoked after the backup then works again.",
        };
        var withoutVault = new Option<bool>("--without-vault-check") { Description = "Do not check that the configured vault opens it." };
        var json = new Option<bool>("--json") { Description = "Print JSON." };
        var restore = new Command(
            "restore",
            "Put a backup in the place of the database. Stop the broker first. All sessions are ended and all tokens revoked, since some may have been "
            + "after the backup was made; people sign in and apps ask again. See docs/backup.md.") { from, replace, keepSessions, withoutVault, json };
        restore.SetAction((result, cancellationToken) => CommandLine.ExplainAsync(
            "Nothing was restored",
            async () =>
            {
                var path = result.GetRequiredValue(from).FullName;
                var restored = await new RestoreBackup(configuration).RunAsync(
                    path, result.GetValue(replace), result.GetValue(keepSessions), !result.GetValue(withoutVault), cancellationToken);
                Console.WriteLine(result.GetValue(json) ? JsonOf(path, restored) : TextOf(path, restored));
                return 0;
            }));
        return restore;
    }

    private static string TextOf(string path, RestoredBackup restored)
    {
        var lines = new List<string>
        {
            string.Create(CultureInfo.InvariantCulture, $"{path}, made {restored.Manifest.MadeAt:yyyy-MM-dd HH:mm} UTC, is the database now."),
        };
        if (restored.SetAside is { } aside)
        {
            lines.Add($"The one before is kept as {aside}. It holds everything that people have deleted since, or will: delete it when you are sure.");
        }

        lines.Add(restored.Ended is { } ended
            ? string.Create(CultureInfo.InvariantCulture, $"{ended.Sessions:N0} sessions were ended, {ended.Tokens:N0} tokens revoked and {ended.ApiTokens:N0} personal API tokens deleted, and {ended.Grants:N0} grants paused: some may have been since the backup.")
            : "Sessions and tokens are as they were: what was ended or revoked since the backup works again.");
        lines.Add("Keys, grants, apps and passwords are those of the backup: what was deleted, revoked or changed since must be so again.");
        if (!restored.VaultChecked)
        {
            lines.Add("Whether the configured vault opens it was not checked.");
        }

        return string.Join(Environment.NewLine, lines);
    }

    private static string JsonOf(string path, RestoredBackup restored) => JsonSerializer.Serialize(new
    {
        file = path,
        made_at = restored.Manifest.MadeAt,
        set_aside = restored.SetAside,
        sessions_ended = restored.Ended?.Sessions,
        tokens_revoked = restored.Ended?.Tokens,
        api_tokens_deleted = restored.Ended?.ApiTokens,
        grants_paused = restored.Ended?.Grants,
        vault_checked = restored.VaultChecked,
    });
}
