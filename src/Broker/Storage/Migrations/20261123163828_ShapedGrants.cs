using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace TokenBroker.Storage.Migrations
{
    /// <inheritdoc />
    public partial class ShapedGrants : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.RenameColumn(
                name: "Month",
                table: "spend",
                newName: "Period");

            migrationBuilder.RenameColumn(
                name: "MonthlyBudgetMicros",
                table: "grants",
                newName: "BudgetMicros");

            migrationBuilder.AddColumn<bool>(
                name: "IsOperator",
                table: "users",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<DateTime>(
                name: "ActivatesAt",
                table: "server_keys",
                type: "TEXT",
                nullable: false,
                defaultValue: new DateTime(1, 1, 1, 0, 0, 0, 0, DateTimeKind.Unspecified));

            migrationBuilder.AddColumn<DateTime>(
                name: "ExpiresAt",
                table: "server_keys",
                type: "TEXT",
                nullable: false,
                defaultValue: new DateTime(1, 1, 1, 0, 0, 0, 0, DateTimeKind.Unspecified));

            migrationBuilder.AddColumn<string>(
                name: "BudgetPeriod",
                table: "grants",
                type: "TEXT",
                maxLength: 8,
                nullable: false,
                defaultValue: "Month");

            migrationBuilder.AddColumn<Guid>(
                name: "ParentId",
                table: "grants",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "RequestsPerMinute",
                table: "grants",
                type: "INTEGER",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "DpopBoundAccessTokens",
                table: "apps",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<DateTime>(
                name: "MetadataFreshUntil",
                table: "apps",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "OptionalScopes",
                table: "apps",
                type: "TEXT",
                nullable: false,
                defaultValue: "[]");

            migrationBuilder.AddColumn<Guid>(
                name: "OwnerId",
                table: "apps",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<byte[]>(
                name: "RegistrationTokenHash",
                table: "apps",
                type: "BLOB",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "ReviewNote",
                table: "apps",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "ReviewStatus",
                table: "apps",
                type: "TEXT",
                maxLength: 12,
                nullable: false,
                defaultValue: "Approved");

            migrationBuilder.AddColumn<DateTime>(
                name: "ReviewedAt",
                table: "apps",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "Source",
                table: "apps",
                type: "TEXT",
                maxLength: 20,
                nullable: false,
                defaultValue: "Configuration");

            migrationBuilder.AddColumn<DateTime>(
                name: "SubmittedAt",
                table: "apps",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "api_tokens",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    UserId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", maxLength: 80, nullable: false),
                    Hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    LastUsedAt = table.Column<DateTime>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_api_tokens", x => x.Id);
                    table.ForeignKey(
                        name: "FK_api_tokens_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "app_logos",
                columns: table => new
                {
                    AppId = table.Column<Guid>(type: "TEXT", nullable: false),
                    ContentType = table.Column<string>(type: "TEXT", nullable: false),
                    Bytes = table.Column<byte[]>(type: "BLOB", nullable: false),
                    UpdatedAt = table.Column<DateTime>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_app_logos", x => x.AppId);
                    table.ForeignKey(
                        name: "FK_app_logos_apps_AppId",
                        column: x => x.AppId,
                        principalTable: "apps",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "notices",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    UserId = table.Column<Guid>(type: "TEXT", nullable: false),
                    At = table.Column<DateTime>(type: "TEXT", nullable: false),
                    Kind = table.Column<string>(type: "TEXT", maxLength: 40, nullable: false),
                    Text = table.Column<string>(type: "TEXT", nullable: false),
                    ReadAt = table.Column<DateTime>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_notices", x => x.Id);
                    table.ForeignKey(
                        name: "FK_notices_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "used_proofs",
                columns: table => new
                {
                    Hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_used_proofs", x => x.Hash);
                });

            migrationBuilder.CreateIndex(
                name: "IX_sessions_ExpiresAt",
                table: "sessions",
                column: "ExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_grants_ParentId",
                table: "grants",
                column: "ParentId");

            migrationBuilder.CreateIndex(
                name: "IX_apps_OwnerId",
                table: "apps",
                column: "OwnerId");

            migrationBuilder.CreateIndex(
                name: "IX_apps_ReviewStatus",
                table: "apps",
                column: "ReviewStatus");

            migrationBuilder.CreateIndex(
                name: "IX_api_tokens_Hash",
                table: "api_tokens",
                column: "Hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_api_tokens_UserId",
                table: "api_tokens",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_notices_At",
                table: "notices",
                column: "At");

            migrationBuilder.CreateIndex(
                name: "IX_notices_UserId_At",
                table: "notices",
                columns: new[] { "UserId", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_used_proofs_ExpiresAt",
                table: "used_proofs",
                column: "ExpiresAt");

            // What was spent by month is also what was spent in all.
            migrationBuilder.Sql("""INSERT INTO spend ("GrantId", "Period", "CostMicros", "Calls") SELECT "GrantId", 0, SUM("CostMicros"), SUM("Calls") FROM spend GROUP BY "GrantId" """);

            // Keys of before sign at once, and for as long as keys do.
            migrationBuilder.Sql("""UPDATE server_keys SET "ActivatesAt" = "CreatedAt", "ExpiresAt" = datetime("CreatedAt", '+180 days')""");

            migrationBuilder.AddForeignKey(
                name: "FK_apps_users_OwnerId",
                table: "apps",
                column: "OwnerId",
                principalTable: "users",
                principalColumn: "Id",
                onDelete: ReferentialAction.SetNull);

            migrationBuilder.AddForeignKey(
                name: "FK_grants_grants_ParentId",
                table: "grants",
                column: "ParentId",
                principalTable: "grants",
                principalColumn: "Id",
                onDelete: ReferentialAction.Cascade);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropForeignKey(
                name: "FK_apps_users_OwnerId",
                table: "apps");

            migrationBuilder.DropForeignKey(
                name: "FK_grants_grants_ParentId",
                table: "grants");

            migrationBuilder.DropTable(
                name: "api_tokens");

            migrationBuilder.DropTable(
                name: "app_logos");

            migrationBuilder.DropTable(
                name: "notices");

            migrationBuilder.DropTable(
                name: "used_proofs");

            migrationBuilder.DropIndex(
                name: "IX_sessions_ExpiresAt",
                table: "sessions");

            migrationBuilder.DropIndex(
                name: "IX_grants_ParentId",
                table: "grants");

            migrationBuilder.DropIndex(
                name: "IX_apps_OwnerId",
                table: "apps");

            migrationBuilder.DropIndex(
                name: "IX_apps_ReviewStatus",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "IsOperator",
                table: "users");

            migrationBuilder.DropColumn(
                name: "ActivatesAt",
                table: "server_keys");

            migrationBuilder.DropColumn(
                name: "ExpiresAt",
                table: "server_keys");

            migrationBuilder.DropColumn(
                name: "BudgetPeriod",
                table: "grants");

            migrationBuilder.DropColumn(
                name: "ParentId",
                table: "grants");

            migrationBuilder.DropColumn(
                name: "RequestsPerMinute",
                table: "grants");

            migrationBuilder.DropColumn(
                name: "DpopBoundAccessTokens",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "MetadataFreshUntil",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "OptionalScopes",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "OwnerId",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "RegistrationTokenHash",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "ReviewNote",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "ReviewStatus",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "ReviewedAt",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "Source",
                table: "apps");

            migrationBuilder.DropColumn(
                name: "SubmittedAt",
                table: "apps");

            migrationBuilder.RenameColumn(
                name: "Period",
                table: "spend",
                newName: "Month");

            migrationBuilder.RenameColumn(
                name: "BudgetMicros",
                table: "grants",
                newName: "MonthlyBudgetMicros");
        }
    }
}
