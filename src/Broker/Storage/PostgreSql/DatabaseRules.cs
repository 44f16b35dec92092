using Microsoft.EntityFrameworkCore.Migrations;

namespace TokenBroker.Storage.PostgreSql;

/// <summary>
/// What the database itself sees to. It says what changed, in the transaction of the change, to every node that listens
/// (<see cref="ChangeFeed"/>): a path that forgot to say so would leave a revoked grant alive elsewhere. And it refuses to change
/// or delete what was posted to the ledger of credit. Run by migrations, once the tables stand.
/// </summary>
internal static class DatabaseRules
{
    public static void Notify(MigrationBuilder migration)
    {
        migration.Sql(
            $"""
             CREATE FUNCTION tokenbroker_changed() RETURNS trigger LANGUAGE plpgsql AS $body$
             DECLARE
                 was jsonb := CASE WHEN TG_OP = 'INSERT' THEN to_jsonb(NEW) ELSE to_jsonb(OLD) END;
             BEGIN
                 PERFORM pg_notify('{ChangeFeed.Channel}', concat_ws(
                     ' ',
                     coalesce(nullif(current_setting('tokenbroker.node', true), ''), '-'),
                     CASE WHEN TG_ARGV[0] = 'Cap' THEN CASE was ->> 'Kind' WHEN '1' THEN 'AppCap' ELSE 'UserCap' END ELSE TG_ARGV[0] END,
                     coalesce(was ->> TG_ARGV[1], '{Guid.Empty}')));
                 RETURN NULL;
             END $body$;
             """);
        On(migration, "grants", "UPDATE", Changed.Grant, "Id", "(OLD.\"Revision\", OLD.\"Status\", OLD.\"PausedAt\", OLD.\"UpstreamKeyId\", OLD.\"SponsorId\") IS DISTINCT FROM (NEW.\"Revision\", NEW.\"Status\", NEW.\"PausedAt\", NEW.\"UpstreamKeyId\", NEW.\"SponsorId\")");
        On(migration, "grants", "DELETE", Changed.Grant, "Id");

        // A revoked code or refresh token ends its grant, which says so itself; an access token can be revoked alone.
        On(migration, "tokens", "UPDATE", Changed.Token, "AuthorizationId", "NEW.\"Status\" = 'revoked' AND OLD.\"Status\" IS DISTINCT FROM NEW.\"Status\" AND NEW.\"Type\" = 'urn:ietf:params:oauth:token-type:access_token' AND NEW.\"AuthorizationId\" IS NOT NULL");

        // Not what rewrapping writes: the key is the same under another vault key.
        On(migration, "upstream_keys", "UPDATE", Changed.Key, "Id", "OLD.\"Generation\" IS DISTINCT FROM NEW.\"Generation\"");
        On(migration, "upstream_keys", "DELETE", Changed.Key, "Id");
        On(migration, "sponsor_keys", "DELETE", Changed.Key, "Id");
        On(migration, "spend_caps", "INSERT OR UPDATE OR DELETE", "Cap", "OwnerId");
        On(migration, "price_lists", "INSERT OR UPDATE OR DELETE", Changed.Prices, "");
    }

    /// <summary>What was posted stays, as it does on SQLite.</summary>
    public static void OnlyAddTo(MigrationBuilder migration, params ReadOnlySpan<string> tables)
    {
        migration.Sql(
            """
            CREATE FUNCTION tokenbroker_only_added_to() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN
                RAISE EXCEPTION 'What was posted stays: % is only added to.', TG_TABLE_NAME;
            END $body$;
            """);
        foreach (var table in tables)
        {
            migration.Sql(
                $"""
                 CREATE TRIGGER "{table}_only_added_to" BEFORE UPDATE OR DELETE OR TRUNCATE ON "{table}"
                 FOR EACH STATEMENT EXECUTE FUNCTION tokenbroker_only_added_to();
                 """);
        }
    }

    private static void On(MigrationBuilder migration, string table, string change, Changed what, string id, string? when = null) =>
        On(migration, table, change, what.ToString(), id, when);

    private static void On(MigrationBuilder migration, string table, string change, string what, string id, string? when = null) => migration.Sql(
        $"""
         CREATE TRIGGER "{table}_changed_{change.Split(' ')[0].ToLowerInvariant()}" AFTER {change} ON "{table}"
         FOR EACH ROW {(when is null ? "" : $"WHEN ({when}) ")}EXECUTE FUNCTION tokenbroker_changed('{what}', '{id}');
         """);
}
