using System;
using Microsoft.EntityFrameworkCore.Migrations;
using TokenBroker.Metering;

#nullable disable

namespace TokenBroker.Storage.Migrations
{
    /// <inheritdoc />
    public partial class Credit : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<Guid>(
                name: "SponsorId",
                table: "grants",
                type: "TEXT",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "credit_accounts",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    SponsorId = table.Column<Guid>(type: "TEXT", nullable: false),
                    UserId = table.Column<Guid>(type: "TEXT", nullable: true),
                    Kind = table.Column<string>(type: "TEXT", maxLength: 8, nullable: false),
                    BalanceMicros = table.Column<long>(type: "INTEGER", nullable: false),
                    FundedMicros = table.Column<long>(type: "INTEGER", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_accounts", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "credit_secrets",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    SponsorId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Name = table.Column<string>(type: "TEXT", maxLength: 80, nullable: false),
                    Hash = table.Column<byte[]>(type: "BLOB", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    LastUsedAt = table.Column<DateTime>(type: "TEXT", nullable: true),
                    RevokedAt = table.Column<DateTime>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_secrets", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "credit_transactions",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    SponsorId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Kind = table.Column<string>(type: "TEXT", maxLength: 10, nullable: false),
                    Reference = table.Column<string>(type: "TEXT", maxLength: 220, nullable: false),
                    At = table.Column<DateTime>(type: "TEXT", nullable: false),
                    Actor = table.Column<string>(type: "TEXT", maxLength: 60, nullable: false),
                    Note = table.Column<string>(type: "TEXT", maxLength: 200, nullable: true),
                    Asked = table.Column<byte[]>(type: "BLOB", nullable: true),
                    RefundOf = table.Column<Guid>(type: "TEXT", nullable: true),
                    BalanceAfterMicros = table.Column<long>(type: "INTEGER", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_transactions", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "sponsor_keys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    SponsorId = table.Column<Guid>(type: "TEXT", nullable: false),
                    UpstreamId = table.Column<string>(type: "TEXT", maxLength: 32, nullable: false),
                    LastFour = table.Column<string>(type: "TEXT", maxLength: 4, nullable: false),
                    Envelope = table.Column<byte[]>(type: "BLOB", nullable: false),
                    KekId = table.Column<string>(type: "TEXT", nullable: false),
                    Status = table.Column<int>(type: "INTEGER", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    LastUsedAt = table.Column<DateTime>(type: "TEXT", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_sponsor_keys", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "credit_lines",
                columns: table => new
                {
                    TransactionId = table.Column<Guid>(type: "TEXT", nullable: false),
                    AccountId = table.Column<Guid>(type: "TEXT", nullable: false),
                    AmountMicros = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_lines", x => new { x.TransactionId, x.AccountId });
                    table.ForeignKey(
                        name: "FK_credit_lines_credit_accounts_AccountId",
                        column: x => x.AccountId,
                        principalTable: "credit_accounts",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                    table.ForeignKey(
                        name: "FK_credit_lines_credit_transactions_TransactionId",
                        column: x => x.TransactionId,
                        principalTable: "credit_transactions",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            migrationBuilder.CreateIndex(
                name: "IX_credit_accounts_SponsorId_UserId",
                table: "credit_accounts",
                columns: new[] { "SponsorId", "UserId" });

            migrationBuilder.CreateIndex(
                name: "IX_credit_accounts_UserId",
                table: "credit_accounts",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_credit_lines_AccountId",
                table: "credit_lines",
                column: "AccountId");

            migrationBuilder.CreateIndex(
                name: "IX_credit_secrets_Hash",
                table: "credit_secrets",
                column: "Hash",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_credit_secrets_SponsorId",
                table: "credit_secrets",
                column: "SponsorId");

            migrationBuilder.CreateIndex(
                name: "IX_credit_transactions_RefundOf",
                table: "credit_transactions",
                column: "RefundOf");

            migrationBuilder.CreateIndex(
                name: "IX_credit_transactions_SponsorId_Reference",
                table: "credit_transactions",
                columns: new[] { "SponsorId", "Reference" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_sponsor_keys_KekId_Id",
                table: "sponsor_keys",
                columns: new[] { "KekId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_sponsor_keys_SponsorId_UpstreamId",
                table: "sponsor_keys",
                columns: new[] { "SponsorId", "UpstreamId" },
                unique: true);

            CreditRows.NeverChange(migrationBuilder);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "credit_lines");

            migrationBuilder.DropTable(
                name: "credit_secrets");

            migrationBuilder.DropTable(
                name: "sponsor_keys");

            migrationBuilder.DropTable(
                name: "credit_accounts");

            migrationBuilder.DropTable(
                name: "credit_transactions");

            migrationBuilder.DropColumn(
                name: "SponsorId",
                table: "grants");
        }
    }
}
