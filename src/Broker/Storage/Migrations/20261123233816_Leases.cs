using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace TokenBroker.Storage.Migrations
{
    /// <inheritdoc />
    public partial class Leases : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropPrimaryKey(
                name: "PK_spend",
                table: "spend");

            migrationBuilder.RenameColumn(
                name: "GrantId",
                table: "spend",
                newName: "OwnerId");

            migrationBuilder.AddColumn<int>(
                name: "Kind",
                table: "spend",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<long>(
                name: "LeasedMicros",
                table: "spend",
                type: "INTEGER",
                nullable: false,
                defaultValue: 0L);

            migrationBuilder.AddPrimaryKey(
                name: "PK_spend",
                table: "spend",
                columns: new[] { "Kind", "OwnerId", "Period" });

            migrationBuilder.CreateTable(
                name: "spend_caps",
                columns: table => new
                {
                    Kind = table.Column<int>(type: "INTEGER", nullable: false),
                    OwnerId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Period = table.Column<string>(type: "TEXT", maxLength: 8, nullable: false),
                    SetBy = table.Column<string>(type: "TEXT", maxLength: 8, nullable: false),
                    Micros = table.Column<long>(type: "INTEGER", nullable: false),
                    At = table.Column<DateTime>(type: "TEXT", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_spend_caps", x => new { x.Kind, x.OwnerId, x.Period, x.SetBy });
                });

            migrationBuilder.CreateTable(
                name: "spend_nodes",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "TEXT", nullable: false),
                    Machine = table.Column<string>(type: "TEXT", nullable: false),
                    StartedAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    SeenAt = table.Column<DateTime>(type: "TEXT", nullable: false),
                    Flush = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_spend_nodes", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "spend_leases",
                columns: table => new
                {
                    NodeId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Kind = table.Column<int>(type: "INTEGER", nullable: false),
                    OwnerId = table.Column<Guid>(type: "TEXT", nullable: false),
                    Period = table.Column<int>(type: "INTEGER", nullable: false),
                    Micros = table.Column<long>(type: "INTEGER", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_spend_leases", x => new { x.NodeId, x.Kind, x.OwnerId, x.Period });
                    table.ForeignKey(
                        name: "FK_spend_leases_spend_nodes_NodeId",
                        column: x => x.NodeId,
                        principalTable: "spend_nodes",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Restrict);
                });

            SpendCarriedOver.Run(migrationBuilder);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "spend_caps");

            migrationBuilder.DropTable(
                name: "spend_leases");

            migrationBuilder.DropTable(
                name: "spend_nodes");

            migrationBuilder.DropPrimaryKey(
                name: "PK_spend",
                table: "spend");

            migrationBuilder.DropColumn(
                name: "Kind",
                table: "spend");

            migrationBuilder.DropColumn(
                name: "LeasedMicros",
                table: "spend");

            migrationBuilder.RenameColumn(
                name: "OwnerId",
                table: "spend",
                newName: "GrantId");

            migrationBuilder.AddPrimaryKey(
                name: "PK_spend",
                table: "spend",
                columns: new[] { "GrantId", "Period" });
        }
    }
}
