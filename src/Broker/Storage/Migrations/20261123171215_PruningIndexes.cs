using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace TokenBroker.Storage.Migrations
{
    /// <inheritdoc />
    public partial class PruningIndexes : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_tokens_CreationDate",
                table: "tokens");

            migrationBuilder.CreateIndex(
                name: "IX_spend_Period",
                table: "spend",
                column: "Period");

            migrationBuilder.CreateIndex(
                name: "IX_grants_ExpiresAt",
                table: "grants",
                column: "ExpiresAt",
                filter: "\"ParentId\" IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_apps_Source_CreatedAt",
                table: "apps",
                columns: new[] { "Source", "CreatedAt" });

            migrationBuilder.CreateIndex(
                name: "IX_api_tokens_ExpiresAt",
                table: "api_tokens",
                column: "ExpiresAt");
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "IX_spend_Period",
                table: "spend");

            migrationBuilder.DropIndex(
                name: "IX_grants_ExpiresAt",
                table: "grants");

            migrationBuilder.DropIndex(
                name: "IX_apps_Source_CreatedAt",
                table: "apps");

            migrationBuilder.DropIndex(
                name: "IX_api_tokens_ExpiresAt",
                table: "api_tokens");

            migrationBuilder.CreateIndex(
                name: "IX_tokens_CreationDate",
                table: "tokens",
                column: "CreationDate");
        }
    }
}
