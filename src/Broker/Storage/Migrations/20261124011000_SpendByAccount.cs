using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace TokenBroker.Storage.Migrations
{
    /// <summary>A migration of its own: SQLite rebuilds the table at the end of the one before.</summary>
    public partial class SpendByAccount : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder) => SpendCarriedOver.Run(migrationBuilder);

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder) =>
            migrationBuilder.Sql("DELETE FROM \"spend\" WHERE \"Kind\" <> 0;");
    }
}
