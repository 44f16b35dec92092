using System;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;
using TokenBroker.Metering;

#nullable disable

namespace TokenBroker.Storage.PostgreSql.Migrations
{
    /// <inheritdoc />
    public partial class Initial : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.CreateTable(
                name: "DataProtectionKeys",
                columns: table => new
                {
                    Id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    FriendlyName = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Xml = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_DataProtectionKeys", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "audit_events",
                columns: table => new
                {
                    Sequence = table.Column<long>(type: "bigint", nullable: false),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Action = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Actor = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Target = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    UserId = table.Column<Guid>(type: "uuid", nullable: true),
                    Detail = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    PreviousHash = table.Column<byte[]>(type: "bytea", nullable: false),
                    Hash = table.Column<byte[]>(type: "bytea", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_audit_events", x => x.Sequence);
                });

            migrationBuilder.CreateTable(
                name: "credit_accounts",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    SponsorId = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: true),
                    Kind = table.Column<string>(type: "text", maxLength: 8, nullable: false, collation: "C"),
                    BalanceMicros = table.Column<long>(type: "bigint", nullable: false),
                    FundedMicros = table.Column<long>(type: "bigint", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_accounts", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "credit_secrets",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    SponsorId = table.Column<Guid>(type: "uuid", nullable: false),
                    Name = table.Column<string>(type: "text", maxLength: 80, nullable: false, collation: "C"),
                    Hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    LastUsedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    RevokedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_secrets", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "credit_transactions",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    SponsorId = table.Column<Guid>(type: "uuid", nullable: false),
                    Kind = table.Column<string>(type: "text", maxLength: 10, nullable: false, collation: "C"),
                    Reference = table.Column<string>(type: "text", maxLength: 220, nullable: false, collation: "C"),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Actor = table.Column<string>(type: "text", maxLength: 60, nullable: false, collation: "C"),
                    Note = table.Column<string>(type: "text", maxLength: 200, nullable: true, collation: "C"),
                    Asked = table.Column<byte[]>(type: "bytea", nullable: true),
                    RefundOf = table.Column<Guid>(type: "uuid", nullable: true),
                    BalanceAfterMicros = table.Column<long>(type: "bigint", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_credit_transactions", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "custody_secrets",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    Purpose = table.Column<string>(type: "text", maxLength: 20, nullable: false, collation: "C"),
                    Envelope = table.Column<byte[]>(type: "bytea", nullable: false),
                    KekId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    PublicKey = table.Column<byte[]>(type: "bytea", nullable: true),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_custody_secrets", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "open_jobs",
                columns: table => new
                {
                    UsageId = table.Column<Guid>(type: "uuid", nullable: false),
                    Kind = table.Column<string>(type: "text", maxLength: 8, nullable: false, collation: "C"),
                    UpstreamId = table.Column<string>(type: "text", maxLength: 32, nullable: false, collation: "C"),
                    ObjectId = table.Column<string>(type: "text", maxLength: 200, nullable: false, collation: "C"),
                    GrantId = table.Column<Guid>(type: "uuid", nullable: false),
                    UpstreamKeyId = table.Column<Guid>(type: "uuid", nullable: false),
                    Model = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Accounts = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Day = table.Column<int>(type: "integer", nullable: false),
                    Month = table.Column<int>(type: "integer", nullable: false),
                    ChargedMicros = table.Column<long>(type: "bigint", nullable: false),
                    OpenedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    NextAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Tries = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_open_jobs", x => x.UsageId);
                });

            migrationBuilder.CreateTable(
                name: "price_lists",
                columns: table => new
                {
                    Id = table.Column<string>(type: "text", maxLength: 100, nullable: false, collation: "C"),
                    AsOf = table.Column<string>(type: "text", maxLength: 10, nullable: false, collation: "C"),
                    Source = table.Column<string>(type: "text", maxLength: 300, nullable: false, collation: "C"),
                    ImportedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Json = table.Column<string>(type: "text", nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_price_lists", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "scopes",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    ConcurrencyToken = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    Description = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Descriptions = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    DisplayName = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    DisplayNames = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Name = table.Column<string>(type: "text", maxLength: 200, nullable: true, collation: "C"),
                    Properties = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Resources = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_scopes", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "server_keys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    Use = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    SealedPrivateKey = table.Column<byte[]>(type: "bytea", nullable: false),
                    KekId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ActivatesAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_server_keys", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "spend",
                columns: table => new
                {
                    Kind = table.Column<int>(type: "integer", nullable: false),
                    OwnerId = table.Column<Guid>(type: "uuid", nullable: false),
                    Period = table.Column<int>(type: "integer", nullable: false),
                    CostMicros = table.Column<long>(type: "bigint", nullable: false),
                    Calls = table.Column<long>(type: "bigint", nullable: false),
                    LeasedMicros = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_spend", x => new { x.Kind, x.OwnerId, x.Period });
                });

            migrationBuilder.CreateTable(
                name: "spend_caps",
                columns: table => new
                {
                    Kind = table.Column<int>(type: "integer", nullable: false),
                    OwnerId = table.Column<Guid>(type: "uuid", nullable: false),
                    Period = table.Column<string>(type: "text", maxLength: 8, nullable: false, collation: "C"),
                    SetBy = table.Column<string>(type: "text", maxLength: 8, nullable: false, collation: "C"),
                    Micros = table.Column<long>(type: "bigint", nullable: false),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_spend_caps", x => new { x.Kind, x.OwnerId, x.Period, x.SetBy });
                });

            migrationBuilder.CreateTable(
                name: "spend_nodes",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    Machine = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    StartedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    SeenAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Flush = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_spend_nodes", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "sponsor_keys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    SponsorId = table.Column<Guid>(type: "uuid", nullable: false),
                    UpstreamId = table.Column<string>(type: "text", maxLength: 32, nullable: false, collation: "C"),
                    LastFour = table.Column<string>(type: "text", maxLength: 4, nullable: false, collation: "C"),
                    Envelope = table.Column<byte[]>(type: "bytea", nullable: false),
                    KekId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Status = table.Column<int>(type: "integer", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    LastUsedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_sponsor_keys", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "usage",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    GrantId = table.Column<Guid>(type: "uuid", nullable: false),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Operation = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Model = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    InputTokens = table.Column<long>(type: "bigint", nullable: false),
                    CachedInputTokens = table.Column<long>(type: "bigint", nullable: false),
                    CacheWriteTokens = table.Column<long>(type: "bigint", nullable: false),
                    AudioInputTokens = table.Column<long>(type: "bigint", nullable: false),
                    OutputTokens = table.Column<long>(type: "bigint", nullable: false),
                    ReasoningTokens = table.Column<long>(type: "bigint", nullable: false),
                    AudioOutputTokens = table.Column<long>(type: "bigint", nullable: false),
                    ServiceTier = table.Column<string>(type: "text", maxLength: 32, nullable: true, collation: "C"),
                    CostMicros = table.Column<long>(type: "bigint", nullable: false),
                    Estimated = table.Column<bool>(type: "boolean", nullable: false),
                    Status = table.Column<int>(type: "integer", nullable: false),
                    DurationMs = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_usage", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "used_proofs",
                columns: table => new
                {
                    Hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_used_proofs", x => x.Hash);
                });

            migrationBuilder.CreateTable(
                name: "users",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    IsOperator = table.Column<bool>(type: "boolean", nullable: false),
                    PasswordLockedUntil = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    WantsModeration = table.Column<bool>(type: "boolean", nullable: false),
                    UserName = table.Column<string>(type: "text", maxLength: 256, nullable: true, collation: "C"),
                    NormalizedUserName = table.Column<string>(type: "text", maxLength: 256, nullable: true, collation: "C"),
                    Email = table.Column<string>(type: "text", maxLength: 256, nullable: true, collation: "C"),
                    NormalizedEmail = table.Column<string>(type: "text", maxLength: 256, nullable: true, collation: "C"),
                    EmailConfirmed = table.Column<bool>(type: "boolean", nullable: false),
                    PasswordHash = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    SecurityStamp = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    ConcurrencyStamp = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    PhoneNumber = table.Column<string>(type: "text", maxLength: 256, nullable: true, collation: "C"),
                    PhoneNumberConfirmed = table.Column<bool>(type: "boolean", nullable: false),
                    TwoFactorEnabled = table.Column<bool>(type: "boolean", nullable: false),
                    LockoutEnd = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true),
                    LockoutEnabled = table.Column<bool>(type: "boolean", nullable: false),
                    AccessFailedCount = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_users", x => x.Id);
                });

            migrationBuilder.CreateTable(
                name: "credit_lines",
                columns: table => new
                {
                    TransactionId = table.Column<Guid>(type: "uuid", nullable: false),
                    AccountId = table.Column<Guid>(type: "uuid", nullable: false),
                    AmountMicros = table.Column<long>(type: "bigint", nullable: false)
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

            migrationBuilder.CreateTable(
                name: "spend_leases",
                columns: table => new
                {
                    NodeId = table.Column<Guid>(type: "uuid", nullable: false),
                    Kind = table.Column<int>(type: "integer", nullable: false),
                    OwnerId = table.Column<Guid>(type: "uuid", nullable: false),
                    Period = table.Column<int>(type: "integer", nullable: false),
                    Micros = table.Column<long>(type: "bigint", nullable: false)
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

            migrationBuilder.CreateTable(
                name: "api_tokens",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    Name = table.Column<string>(type: "text", maxLength: 80, nullable: false, collation: "C"),
                    Hash = table.Column<byte[]>(type: "bytea", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    LastUsedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
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
                name: "apps",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    HomepageUrl = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Source = table.Column<string>(type: "text", maxLength: 20, nullable: false, collation: "C"),
                    OwnerId = table.Column<Guid>(type: "uuid", nullable: true),
                    ReviewStatus = table.Column<string>(type: "text", maxLength: 12, nullable: false, collation: "C"),
                    ReviewNote = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    SubmittedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    ReviewedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    OptionalScopes = table.Column<string[]>(type: "text[]", nullable: false),
                    DpopBoundAccessTokens = table.Column<bool>(type: "boolean", nullable: false),
                    WantsModeration = table.Column<bool>(type: "boolean", nullable: false),
                    RegistrationTokenHash = table.Column<byte[]>(type: "bytea", nullable: true),
                    MetadataFreshUntil = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    ApplicationType = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    ClientId = table.Column<string>(type: "text", maxLength: 500, nullable: true, collation: "C"),
                    ClientSecret = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    ClientType = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    ConcurrencyToken = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    ConsentType = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    DisplayName = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    DisplayNames = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    JsonWebKeySet = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Permissions = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    PostLogoutRedirectUris = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Properties = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    RedirectUris = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Requirements = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Settings = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_apps", x => x.Id);
                    table.ForeignKey(
                        name: "FK_apps_users_OwnerId",
                        column: x => x.OwnerId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.SetNull);
                });

            migrationBuilder.CreateTable(
                name: "notices",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Kind = table.Column<string>(type: "text", maxLength: 40, nullable: false, collation: "C"),
                    Text = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    ReadAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
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
                name: "passkeys",
                columns: table => new
                {
                    CredentialId = table.Column<byte[]>(type: "bytea", maxLength: 1024, nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    Data = table.Column<string>(type: "jsonb", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_passkeys", x => x.CredentialId);
                    table.ForeignKey(
                        name: "FK_passkeys_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "sessions",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    LastSeenAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    EndedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Device = table.Column<string>(type: "text", maxLength: 200, nullable: false, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_sessions", x => x.Id);
                    table.ForeignKey(
                        name: "FK_sessions_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "upstream_keys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    UpstreamId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Label = table.Column<string>(type: "text", maxLength: 80, nullable: false, collation: "C"),
                    LastFour = table.Column<string>(type: "text", maxLength: 4, nullable: false, collation: "C"),
                    Envelope = table.Column<byte[]>(type: "bytea", nullable: false),
                    KekId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Generation = table.Column<int>(type: "integer", nullable: false, defaultValue: 1),
                    Status = table.Column<int>(type: "integer", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    ReplacedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    CheckedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    LastUsedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_upstream_keys", x => x.Id);
                    table.ForeignKey(
                        name: "FK_upstream_keys_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "user_claims",
                columns: table => new
                {
                    Id = table.Column<int>(type: "integer", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    ClaimType = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    ClaimValue = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_user_claims", x => x.Id);
                    table.ForeignKey(
                        name: "FK_user_claims_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "user_logins",
                columns: table => new
                {
                    LoginProvider = table.Column<string>(type: "text", maxLength: 128, nullable: false, collation: "C"),
                    ProviderKey = table.Column<string>(type: "text", maxLength: 128, nullable: false, collation: "C"),
                    ProviderDisplayName = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_user_logins", x => new { x.LoginProvider, x.ProviderKey });
                    table.ForeignKey(
                        name: "FK_user_logins_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "user_tokens",
                columns: table => new
                {
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    LoginProvider = table.Column<string>(type: "text", maxLength: 128, nullable: false, collation: "C"),
                    Name = table.Column<string>(type: "text", maxLength: 128, nullable: false, collation: "C"),
                    Value = table.Column<string>(type: "text", nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_user_tokens", x => new { x.UserId, x.LoginProvider, x.Name });
                    table.ForeignKey(
                        name: "FK_user_tokens_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "app_logos",
                columns: table => new
                {
                    AppId = table.Column<Guid>(type: "uuid", nullable: false),
                    ContentType = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    Bytes = table.Column<byte[]>(type: "bytea", nullable: false),
                    UpdatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
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
                name: "sanctions",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: true),
                    AppId = table.Column<Guid>(type: "uuid", nullable: true),
                    Kind = table.Column<string>(type: "text", maxLength: 12, nullable: false, collation: "C"),
                    From = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    Until = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Reason = table.Column<string>(type: "text", maxLength: 500, nullable: false, collation: "C"),
                    By = table.Column<string>(type: "text", maxLength: 60, nullable: false, collation: "C"),
                    LiftedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    LiftedBy = table.Column<string>(type: "text", maxLength: 60, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_sanctions", x => x.Id);
                    table.CheckConstraint("CK_sanctions_one_subject", "(\"UserId\" IS NULL) <> (\"AppId\" IS NULL)");
                    table.ForeignKey(
                        name: "FK_sanctions_apps_AppId",
                        column: x => x.AppId,
                        principalTable: "apps",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_sanctions_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "strikes",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    AppId = table.Column<Guid>(type: "uuid", nullable: true),
                    Categories = table.Column<string>(type: "text", maxLength: 400, nullable: false, collation: "C"),
                    UserWeight = table.Column<long>(type: "bigint", nullable: false),
                    AppWeight = table.Column<long>(type: "bigint", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_strikes", x => x.Id);
                    table.ForeignKey(
                        name: "FK_strikes_apps_AppId",
                        column: x => x.AppId,
                        principalTable: "apps",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.SetNull);
                    table.ForeignKey(
                        name: "FK_strikes_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "upstream_objects",
                columns: table => new
                {
                    UpstreamId = table.Column<string>(type: "text", maxLength: 32, nullable: false, collation: "C"),
                    ObjectId = table.Column<string>(type: "text", maxLength: 200, nullable: false, collation: "C"),
                    Kind = table.Column<string>(type: "text", maxLength: 32, nullable: false, collation: "C"),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    AppId = table.Column<Guid>(type: "uuid", nullable: false),
                    CreatedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_upstream_objects", x => new { x.UpstreamId, x.ObjectId });
                    table.ForeignKey(
                        name: "FK_upstream_objects_apps_AppId",
                        column: x => x.AppId,
                        principalTable: "apps",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_upstream_objects_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "grants",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    ApplicationId = table.Column<Guid>(type: "uuid", nullable: true),
                    UpstreamId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    UpstreamKeyId = table.Column<Guid>(type: "uuid", nullable: true),
                    SponsorId = table.Column<Guid>(type: "uuid", nullable: true),
                    CarriesKey = table.Column<bool>(type: "boolean", nullable: false),
                    CarriedLastFour = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Models = table.Column<string[]>(type: "text[]", nullable: true),
                    BudgetMicros = table.Column<long>(type: "bigint", nullable: false),
                    BudgetPeriod = table.Column<string>(type: "text", maxLength: 8, nullable: false, collation: "C"),
                    RequestsPerMinute = table.Column<int>(type: "integer", nullable: true),
                    ParentId = table.Column<Guid>(type: "uuid", nullable: true),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    PausedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    LastUsedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    EndedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Revision = table.Column<int>(type: "integer", nullable: false),
                    ConcurrencyToken = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    CreationDate = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Properties = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Scopes = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Status = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    Subject = table.Column<string>(type: "text", maxLength: 400, nullable: true, collation: "C"),
                    Type = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_grants", x => x.Id);
                    table.ForeignKey(
                        name: "FK_grants_apps_ApplicationId",
                        column: x => x.ApplicationId,
                        principalTable: "apps",
                        principalColumn: "Id");
                    table.ForeignKey(
                        name: "FK_grants_grants_ParentId",
                        column: x => x.ParentId,
                        principalTable: "grants",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_grants_upstream_keys_UpstreamKeyId",
                        column: x => x.UpstreamKeyId,
                        principalTable: "upstream_keys",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.SetNull);
                    table.ForeignKey(
                        name: "FK_grants_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "appeals",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    SanctionId = table.Column<Guid>(type: "uuid", nullable: false),
                    UserId = table.Column<Guid>(type: "uuid", nullable: false),
                    Text = table.Column<string>(type: "text", maxLength: 2000, nullable: false, collation: "C"),
                    At = table.Column<DateTime>(type: "timestamp with time zone", nullable: false),
                    DecidedAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Accepted = table.Column<bool>(type: "boolean", nullable: true),
                    Answer = table.Column<string>(type: "text", maxLength: 1000, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_appeals", x => x.Id);
                    table.ForeignKey(
                        name: "FK_appeals_sanctions_SanctionId",
                        column: x => x.SanctionId,
                        principalTable: "sanctions",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                    table.ForeignKey(
                        name: "FK_appeals_users_UserId",
                        column: x => x.UserId,
                        principalTable: "users",
                        principalColumn: "Id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "carried_keys",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    GrantId = table.Column<Guid>(type: "uuid", nullable: false),
                    Envelope = table.Column<byte[]>(type: "bytea", nullable: false),
                    KekId = table.Column<string>(type: "text", nullable: false, collation: "C"),
                    ExpiresAt = table.Column<DateTime>(type: "timestamp with time zone", nullable: false)
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
                name: "tokens",
                columns: table => new
                {
                    Id = table.Column<Guid>(type: "uuid", nullable: false),
                    ApplicationId = table.Column<Guid>(type: "uuid", nullable: true),
                    AuthorizationId = table.Column<Guid>(type: "uuid", nullable: true),
                    SealedSuccessor = table.Column<byte[]>(type: "bytea", nullable: true),
                    ConcurrencyToken = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    CreationDate = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    ExpirationDate = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    Payload = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    Properties = table.Column<string>(type: "text", nullable: true, collation: "C"),
                    RedemptionDate = table.Column<DateTime>(type: "timestamp with time zone", nullable: true),
                    ReferenceId = table.Column<string>(type: "text", maxLength: 100, nullable: true, collation: "C"),
                    Status = table.Column<string>(type: "text", maxLength: 50, nullable: true, collation: "C"),
                    Subject = table.Column<string>(type: "text", maxLength: 400, nullable: true, collation: "C"),
                    Type = table.Column<string>(type: "text", maxLength: 150, nullable: true, collation: "C")
                },
                constraints: table =>
                {
                    table.PrimaryKey("PK_tokens", x => x.Id);
                    table.ForeignKey(
                        name: "FK_tokens_apps_ApplicationId",
                        column: x => x.ApplicationId,
                        principalTable: "apps",
                        principalColumn: "Id");
                    table.ForeignKey(
                        name: "FK_tokens_grants_AuthorizationId",
                        column: x => x.AuthorizationId,
                        principalTable: "grants",
                        principalColumn: "Id");
                });

            migrationBuilder.CreateIndex(
                name: "IX_api_tokens_ExpiresAt",
                table: "api_tokens",
                column: "ExpiresAt");

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
                name: "IX_appeals_SanctionId",
                table: "appeals",
                column: "SanctionId",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_appeals_UserId",
                table: "appeals",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_apps_ClientId",
                table: "apps",
                column: "ClientId",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_apps_OwnerId",
                table: "apps",
                column: "OwnerId");

            migrationBuilder.CreateIndex(
                name: "IX_apps_ReviewStatus",
                table: "apps",
                column: "ReviewStatus");

            migrationBuilder.CreateIndex(
                name: "IX_apps_Source_CreatedAt",
                table: "apps",
                columns: new[] { "Source", "CreatedAt" });

            migrationBuilder.CreateIndex(
                name: "IX_audit_events_UserId_Sequence",
                table: "audit_events",
                columns: new[] { "UserId", "Sequence" });

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
                name: "IX_custody_secrets_ExpiresAt",
                table: "custody_secrets",
                column: "ExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_custody_secrets_Purpose_CreatedAt",
                table: "custody_secrets",
                columns: new[] { "Purpose", "CreatedAt" });

            migrationBuilder.CreateIndex(
                name: "IX_grants_ApplicationId_Status_Subject_Type",
                table: "grants",
                columns: new[] { "ApplicationId", "Status", "Subject", "Type" });

            migrationBuilder.CreateIndex(
                name: "IX_grants_ExpiresAt",
                table: "grants",
                column: "ExpiresAt",
                filter: "\"ParentId\" IS NOT NULL");

            migrationBuilder.CreateIndex(
                name: "IX_grants_ParentId",
                table: "grants",
                column: "ParentId");

            migrationBuilder.CreateIndex(
                name: "IX_grants_UpstreamKeyId",
                table: "grants",
                column: "UpstreamKeyId");

            migrationBuilder.CreateIndex(
                name: "IX_grants_UserId_Status",
                table: "grants",
                columns: new[] { "UserId", "Status" });

            migrationBuilder.CreateIndex(
                name: "IX_notices_At",
                table: "notices",
                column: "At");

            migrationBuilder.CreateIndex(
                name: "IX_notices_UserId_At",
                table: "notices",
                columns: new[] { "UserId", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_open_jobs_NextAt",
                table: "open_jobs",
                column: "NextAt");

            migrationBuilder.CreateIndex(
                name: "IX_passkeys_UserId",
                table: "passkeys",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_sanctions_AppId",
                table: "sanctions",
                column: "AppId");

            migrationBuilder.CreateIndex(
                name: "IX_sanctions_UserId",
                table: "sanctions",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_scopes_Name",
                table: "scopes",
                column: "Name",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_sessions_ExpiresAt",
                table: "sessions",
                column: "ExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_sessions_UserId",
                table: "sessions",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_spend_Period",
                table: "spend",
                column: "Period");

            migrationBuilder.CreateIndex(
                name: "IX_sponsor_keys_KekId_Id",
                table: "sponsor_keys",
                columns: new[] { "KekId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_sponsor_keys_SponsorId_UpstreamId",
                table: "sponsor_keys",
                columns: new[] { "SponsorId", "UpstreamId" },
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_strikes_AppId_At",
                table: "strikes",
                columns: new[] { "AppId", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_strikes_UserId_At",
                table: "strikes",
                columns: new[] { "UserId", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_tokens_ApplicationId_Status_Subject_Type",
                table: "tokens",
                columns: new[] { "ApplicationId", "Status", "Subject", "Type" });

            migrationBuilder.CreateIndex(
                name: "IX_tokens_AuthorizationId",
                table: "tokens",
                column: "AuthorizationId");

            migrationBuilder.CreateIndex(
                name: "IX_tokens_ExpirationDate",
                table: "tokens",
                column: "ExpirationDate");

            migrationBuilder.CreateIndex(
                name: "IX_tokens_ReferenceId",
                table: "tokens",
                column: "ReferenceId",
                unique: true);

            migrationBuilder.CreateIndex(
                name: "IX_upstream_keys_KekId_Id",
                table: "upstream_keys",
                columns: new[] { "KekId", "Id" });

            migrationBuilder.CreateIndex(
                name: "IX_upstream_keys_UserId",
                table: "upstream_keys",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_upstream_objects_AppId",
                table: "upstream_objects",
                column: "AppId");

            migrationBuilder.CreateIndex(
                name: "IX_upstream_objects_UserId",
                table: "upstream_objects",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_usage_GrantId_At",
                table: "usage",
                columns: new[] { "GrantId", "At" });

            migrationBuilder.CreateIndex(
                name: "IX_used_proofs_ExpiresAt",
                table: "used_proofs",
                column: "ExpiresAt");

            migrationBuilder.CreateIndex(
                name: "IX_user_claims_UserId",
                table: "user_claims",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "IX_user_logins_UserId",
                table: "user_logins",
                column: "UserId");

            migrationBuilder.CreateIndex(
                name: "EmailIndex",
                table: "users",
                column: "NormalizedEmail");

            migrationBuilder.CreateIndex(
                name: "UserNameIndex",
                table: "users",
                column: "NormalizedUserName",
                unique: true);

            CreditRows.NeverChange(migrationBuilder);
            DatabaseRules.Notify(migrationBuilder);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropTable(
                name: "DataProtectionKeys");

            migrationBuilder.DropTable(
                name: "api_tokens");

            migrationBuilder.DropTable(
                name: "app_logos");

            migrationBuilder.DropTable(
                name: "appeals");

            migrationBuilder.DropTable(
                name: "audit_events");

            migrationBuilder.DropTable(
                name: "carried_keys");

            migrationBuilder.DropTable(
                name: "credit_lines");

            migrationBuilder.DropTable(
                name: "credit_secrets");

            migrationBuilder.DropTable(
                name: "custody_secrets");

            migrationBuilder.DropTable(
                name: "notices");

            migrationBuilder.DropTable(
                name: "open_jobs");

            migrationBuilder.DropTable(
                name: "passkeys");

            migrationBuilder.DropTable(
                name: "price_lists");

            migrationBuilder.DropTable(
                name: "scopes");

            migrationBuilder.DropTable(
                name: "server_keys");

            migrationBuilder.DropTable(
                name: "sessions");

            migrationBuilder.DropTable(
                name: "spend");

            migrationBuilder.DropTable(
                name: "spend_caps");

            migrationBuilder.DropTable(
                name: "spend_leases");

            migrationBuilder.DropTable(
                name: "sponsor_keys");

            migrationBuilder.DropTable(
                name: "strikes");

            migrationBuilder.DropTable(
                name: "tokens");

            migrationBuilder.DropTable(
                name: "upstream_objects");

            migrationBuilder.DropTable(
                name: "usage");

            migrationBuilder.DropTable(
                name: "used_proofs");

            migrationBuilder.DropTable(
                name: "user_claims");

            migrationBuilder.DropTable(
                name: "user_logins");

            migrationBuilder.DropTable(
                name: "user_tokens");

            migrationBuilder.DropTable(
                name: "sanctions");

            migrationBuilder.DropTable(
                name: "credit_accounts");

            migrationBuilder.DropTable(
                name: "credit_transactions");

            migrationBuilder.DropTable(
                name: "spend_nodes");

            migrationBuilder.DropTable(
                name: "grants");

            migrationBuilder.DropTable(
                name: "apps");

            migrationBuilder.DropTable(
                name: "upstream_keys");

            migrationBuilder.DropTable(
                name: "users");

            migrationBuilder.Sql("DROP FUNCTION tokenbroker_changed(), tokenbroker_only_added_to();");
        }
    }
}
