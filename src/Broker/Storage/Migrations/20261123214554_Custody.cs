using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace TokenBroker.Storage.Migrations
{
    /// <inheritdoc />
    public partial class Custody : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<int>(
                name: "Generation",
                table: "upstream_keys",
                type: "INTEGER",
                nullable: false,
                defaultValue: 1);

            migrationBuilder.AddColumn<string>(
                name: "KekId",
                table: "upstream_keys",
                type: "TEXT",
                nullable: false,
                defaultValue: "");

            migrationBuilder.AddColumn<DateTime>(
                name: "ReplacedAt",
                table: "upstream_keys",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "CarriedLastFour",
                table: "grants",
                type: "TEXT",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "CarriesKey",
                table: "grants",
                type: "INTEGER",
                nullable: false,
                defaultValue: false);

            migrationBuilder.CreateTable(
                name: "carried_keys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    GrantId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Envelope = table.Column<byte[]>(type: "BLOB", nullable: false),
                    KekId = table.Column<string>(type: "TEXT", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_carried_keys", x => x.Id);
                    table.ForeignKey(
                        name: "FK_carried_keys_grants_GrantId",
                        column: x => x.GrantId,
                        principalTable: "grants",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "custody_secrets",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    Purpose = table.Column<string>(type: "TEXT", maxLength: 20, nullable: false),
                    Envelope = table.Column<byte[]>(type: "BLOB", nullable: false),
                    KekId = table.Column<string>(type: "TEXT", nullable: false),
                    PublicKey = table.Column<byte[]>(type: "BLOB", nullable: true),
                    CreatedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_custody_secrets", x => x.Id);
                });

            // Until now there was one kind of vault, whose ids have 27 characters; they follow 7 bytes into each envelope.
            migrationBuilder.Sql("""UPDATE "upstream_keys" SET "KekId" = CAST(substr("Envelope", 8, 27) AS TEXT);""");

            migrationBuilder.CreateIndex(
                name: "IX_upstream_keys_KekId_Id",
                table: "upstream_keys",
                columns: new[] { "KekId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_carried_keys_ExpiresAt",
                table: "carried_keys",
                column: "ExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_carried_keys_GrantId",
                table: "carried_keys",
                column: "GrantId");

            migrationBuilder.CreateIndex(
                name: "IX_carried_keys_KekId_Id",
                table: "carried_keys",
                columns: new[] { "KekId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_custody_secrets_ExpiresAt",
                table: "custody_secrets",
                column: "ExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_custody_secrets_Purpose_CreatedAt",
                table: "custody_secrets",
                columns: new[] { "Purpose", "CreatedAt" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "carried_keys");

            migrationBuilder.DropTable(
                name: "custody_secrets");

            migrationBuilder.DropIndex(
                name: "IX_upstream_keys_KekId_Id",
                table: "upstream_keys");

            migrationBuilder.DropColumn(
                name: "Generation",
                table: "upstream_keys");

            migrationBuilder.DropColumn(
                name: "KekId",
                table: "upstream_keys");

            migrationBuilder.DropColumn(
                name: "ReplacedAt",
                table: "upstream_keys");

            migrationBuilder.DropColumn(
                name: "CarriedLastFour",
                table: "grants");

            migrationBuilder.DropColumn(
                name: "CarriesKey",
                table: "grants");
        }
    }
}
