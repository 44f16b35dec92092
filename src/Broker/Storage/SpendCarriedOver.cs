using Microsoft.EntityFrameworkCore.Migrations;

namespace TokenBroker.Storage;

/// <summary>What grants had spent before apps and users had accounts of their own: it counts there too. Run once the new table stands.</summary>
internal static class SpendCarriedOver
{
    public static void Run(MigrationBuilder migration) => migration.Sql(
        """
        INSERT INTO "spend" ("Kind", "OwnerId", "Period", "CostMicros", "Calls", "LeasedMicros")
        SELECT 1, g."ApplicationId", s."Period", SUM(s."CostMicros"), SUM(s."Calls"), 0
        FROM "spend" s JOIN "grants" g ON g."Id" = s."OwnerId"
        WHERE s."Kind" = 0 AND g."ParentId" IS NULL AND g."ApplicationId" IS NOT NULL
        GROUP BY g."ApplicationId", s."Period"
        UNION ALL
        SELECT 2, g."UserId", s."Period", SUM(s."CostMicros"), SUM(s."Calls"), 0
        FROM "spend" s JOIN "grants" g ON g."Id" = s."OwnerId"
        WHERE s."Kind" = 0 AND g."ParentId" IS NULL
        GROUP BY g."UserId", s."Period";
        """);
}
