using Microsoft.AspNetCore.DataProtection.EntityFrameworkCore;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Identity.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using TokenBroker.Accounts;
using TokenBroker.Apps;
using TokenBroker.Audit;
using TokenBroker.Authorization;
using TokenBroker.Credit;
using TokenBroker.Custody;
using TokenBroker.Grants;
using TokenBroker.Metering;
using TokenBroker.Notices;
using TokenBroker.Safety;
using TokenBroker.Storage.PostgreSql;
using TokenBroker.Upstreams;

namespace TokenBroker.Storage;

/// <summary>
/// Every table of the broker. Identity's and OpenIddict's entities are extended, not doubled. Ids are version 7
/// UUIDs (RFC 9562), times are UTC, money is integer micro-dollars. As it stands it works on SQLite, whose one writer is
/// always alone; what PostgreSQL has otherwise is in <see cref="PostgreSqlBrokerDbContext"/>.
/// </summary>
internal class BrokerDbContext : IdentityUserContext<User, Guid>, IDataProtectionKeyContext
{
    public BrokerDbContext(DbContextOptions<BrokerDbContext> options)
        : base(options)
    {
    }

    private protected BrokerDbContext(DbContextOptions options)
        : base(options)
    {
    }

    public DbSet<Session> Sessions => Set<Session>();

    public DbSet<ApiToken> ApiTokens => Set<ApiToken>();

    public DbSet<Notice> Notices => Set<Notice>();

    public DbSet<App> Apps => Set<App>();

    public DbSet<AppLogo> AppLogos => Set<AppLogo>();

    public DbSet<Grant> Grants => Set<Grant>();

    public DbSet<Token> Tokens => Set<Token>();

    public DbSet<UsedProof> UsedProofs => Set<UsedProof>();

    public DbSet<ServerKey> ServerKeys => Set<ServerKey>();

    public DbSet<UpstreamKey> UpstreamKeys => Set<UpstreamKey>();

    public DbSet<SponsorKey> SponsorKeys => Set<SponsorKey>();

    public DbSet<CarriedKey> CarriedKeys => Set<CarriedKey>();

    public DbSet<CustodySecret> CustodySecrets => Set<CustodySecret>();

    public DbSet<Usage> Usage => Set<Usage>();

    public DbSet<OpenJob> OpenJobs => Set<OpenJob>();

    public DbSet<ImportedPrices> ImportedPrices => Set<ImportedPrices>();

    public DbSet<Spend> Spend => Set<Spend>();

    public DbSet<Strike> Strikes => Set<Strike>();

    public DbSet<Sanction> Sanctions => Set<Sanction>();

    public DbSet<Appeal> Appeals => Set<Appeal>();

    public DbSet<SpendCap> SpendCaps => Set<SpendCap>();

    public DbSet<CreditAccount> CreditAccounts => Set<CreditAccount>();

    public DbSet<CreditTransaction> CreditTransactions => Set<CreditTransaction>();

    public DbSet<CreditLine> CreditLines => Set<CreditLine>();

    public DbSet<CreditSecret> CreditSecrets => Set<CreditSecret>();

    public DbSet<SpendNode> SpendNodes => Set<SpendNode>();

    public DbSet<SpendLease> SpendLeases => Set<SpendLease>();

    public DbSet<AuditEvent> AuditEvents => Set<AuditEvent>();

    public DbSet<UpstreamObject> UpstreamObjects => Set<UpstreamObject>();

    public DbSet<DataProtectionKey> DataProtectionKeys => Set<DataProtectionKey>();

    /// <summary>Opens a transaction beside which no other runs: what is read inside it cannot grow stale before the write.</summary>
    public virtual Task<IDbContextTransaction> BeginAloneAsync(CancellationToken cancellationToken) => Database.BeginTransactionAsync(cancellationToken);

    /// <summary>Opens a transaction that only reads, all of it as it was at one moment.</summary>
    public virtual Task<IDbContextTransaction> BeginSnapshotAsync(CancellationToken cancellationToken) => Database.BeginTransactionAsync(cancellationToken);

    /// <summary>From here on, transactions that come to this point come one at a time.</summary>
    public virtual Task QueueAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    protected override void OnModelCreating(ModelBuilder builder)
    {
        base.OnModelCreating(builder);
        builder.UseOpenIddict<App, Grant, Scope, Token, Guid>();

        NameIdentityTables(builder);
        MapAccounts(builder);
        MapAuthorization(builder);
        MapKeysAndMoney(builder);
        TokenBroker.Upstreams.ImportedPrices.Map(builder);
        MapUpstreamObjects(builder);
        SafetyTables.Map(builder);
        UseVersion7Ids(builder);
    }

    protected override void ConfigureConventions(ModelConfigurationBuilder configurationBuilder)
    {
        configurationBuilder.Properties<DateTime>().HaveConversion<UtcConverter>();
    }

    private static void NameIdentityTables(ModelBuilder builder)
    {
        builder.Entity<User>().ToTable("users");
        builder.Entity<IdentityUserClaim<Guid>>().ToTable("user_claims");
        builder.Entity<IdentityUserLogin<Guid>>().ToTable("user_logins");
        builder.Entity<IdentityUserToken<Guid>>().ToTable("user_tokens");
        builder.Entity<IdentityUserPasskey<Guid>>().ToTable("passkeys");
    }

    private static void MapAccounts(ModelBuilder builder)
    {
        builder.Entity<Session>(session =>
        {
            session.ToTable("sessions");
            session.HasIndex(s => s.UserId);
            session.Property(s => s.Device).HasMaxLength(200);
            session.HasIndex(s => s.ExpiresAt);
            session.HasOne<User>().WithMany().HasForeignKey(s => s.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<ApiToken>(token =>
        {
            token.ToTable("api_tokens");
            token.HasIndex(t => t.Hash).IsUnique();
            token.HasIndex(t => t.UserId);
            token.HasIndex(t => t.ExpiresAt);
            token.Property(t => t.Name).HasMaxLength(80);
            token.HasOne<User>().WithMany().HasForeignKey(t => t.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<Notice>(notice =>
        {
            notice.ToTable("notices");
            notice.HasIndex(n => new { n.UserId, n.At });
            notice.HasIndex(n => n.At);
            notice.Property(n => n.Kind).HasMaxLength(40);
            notice.HasOne<User>().WithMany().HasForeignKey(n => n.UserId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<AuditEvent>(audit =>
        {
            audit.ToTable("audit_events");
            audit.HasKey(e => e.Sequence);
            audit.Property(e => e.Sequence).ValueGeneratedNever();
            audit.HasIndex(e => new { e.UserId, e.Sequence });
        });
    }

    private static void MapAuthorization(ModelBuilder builder)
    {
        builder.Entity<App>(app =>
        {
            app.ToTable("apps");
            app.HasOne<User>().WithMany().HasForeignKey(a => a.OwnerId).OnDelete(DeleteBehavior.SetNull);
            app.HasIndex(a => a.ReviewStatus);
            app.HasIndex(a => new { a.Source, a.CreatedAt });
            app.Property(a => a.ClientId).HasMaxLength(500); // a client ID metadata document's address
            app.Property(a => a.Source).HasConversion<string>().HasMaxLength(20);
            app.Property(a => a.ReviewStatus).HasConversion<string>().HasMaxLength(12);
            app.PrimitiveCollection(a => a.OptionalScopes);
        });
        builder.Entity<AppLogo>(logo =>
        {
            logo.ToTable("app_logos");
            logo.HasKey(l => l.AppId);
            logo.HasOne<App>().WithOne().HasForeignKey<AppLogo>(l => l.AppId).OnDelete(DeleteBehavior.Cascade);
        });
        builder.Entity<Scope>().ToTable("scopes");
        builder.Entity<Token>(token =>
        {
            token.ToTable("tokens");
            token.HasIndex(t => t.ExpirationDate);
        });
        builder.Entity<Grant>(grant =>
        {
            grant.ToTable("grants");
            grant.HasOne<User>().WithMany().HasForeignKey(g => g.UserId).OnDelete(DeleteBehavior.Cascade);
            grant.HasOne<UpstreamKey>().WithMany().HasForeignKey(g => g.UpstreamKeyId).OnDelete(DeleteBehavior.SetNull);
            grant.HasOne<Grant>().WithMany().HasForeignKey(g => g.ParentId).OnDelete(DeleteBehavior.Cascade);
            grant.HasIndex(g => new { g.UserId, g.Status });
            grant.HasIndex(g => g.ExpiresAt).HasFilter("\"ParentId\" IS NOT NULL");
            grant.Property(g => g.BudgetPeriod).HasConversion<string>().HasMaxLength(8);
            grant.PrimitiveCollection(g => g.Models);
        });
        builder.Entity<ServerKey>().ToTable("server_keys");
        builder.Entity<UsedProof>(proof =>
        {
            proof.ToTable("used_proofs");
            proof.HasKey(p => p.Hash);
            proof.HasIndex(p => p.ExpiresAt);
        });
    }

    private static void MapKeysAndMoney(ModelBuilder builder)
    {
        builder.Entity<UpstreamKey>(key =>
        {
            key.ToTable("upstream_keys");
            key.HasOne<User>().WithMany().HasForeignKey(k => k.UserId).OnDelete(DeleteBehavior.Cascade);
            key.HasIndex(k => k.UserId);
            key.Property(k => k.Label).HasMaxLength(80);
            key.HasIndex(k => new { k.KekId, k.Id });
            key.Property(k => k.LastFour).HasMaxLength(4);
            key.Property(k => k.Generation).HasDefaultValue(1);
        });
        builder.Entity<CarriedKey>(key =>
        {
            key.ToTable("carried_keys");
            key.HasOne<Grant>().WithMany().HasForeignKey(k => k.GrantId).OnDelete(DeleteBehavior.Cascade);
            key.HasIndex(k => k.ExpiresAt);
            key.HasIndex(k => new { k.KekId, k.Id });
        });
        builder.Entity<CustodySecret>(secret =>
        {
            secret.ToTable("custody_secrets");
            secret.HasIndex(s => new { s.Purpose, s.CreatedAt });
            secret.HasIndex(s => s.ExpiresAt);
            secret.Property(s => s.Purpose).HasMaxLength(20);
        });
        builder.Entity<Usage>(usage =>
        {
            usage.ToTable("usage");
            usage.HasIndex(u => new { u.GrantId, u.At });
            usage.Property(u => u.ServiceTier).HasMaxLength(32);
        });
        Metering.Spend.Map(builder);
        OpenJob.Map(builder);
        SponsorKey.Map(builder);
        CreditRows.Map(builder);
        CreditSecret.Map(builder);
    }

    private static void MapUpstreamObjects(ModelBuilder builder)
    {
        // Upstreams knows neither users nor apps; that its rows go with them is said here.
        UpstreamObject.Map(builder);
        builder.Entity<UpstreamObject>().HasOne<User>().WithMany().HasForeignKey(o => o.UserId).OnDelete(DeleteBehavior.Cascade);
        builder.Entity<UpstreamObject>().HasOne<App>().WithMany().HasForeignKey(o => o.AppId).OnDelete(DeleteBehavior.Cascade);
    }

    private static void UseVersion7Ids(ModelBuilder builder)
    {
        foreach (var type in builder.Model.GetEntityTypes())
        {
            if (type.FindProperty("Id") is { } id && id.ClrType == typeof(Guid))
            {
                id.SetValueGeneratorFactory(static (_, _) => new Version7Generator());
                id.ValueGenerated = Microsoft.EntityFrameworkCore.Metadata.ValueGenerated.OnAdd;
            }
        }
    }
}
