using Microsoft.EntityFrameworkCore;

namespace TokenBroker.Metering;

/// <summary>What goes on at the provider after its call was answered.</summary>
internal enum JobKind
{
    /// <summary>One response in the background.</summary>
    Response,

    /// <summary>A batch of calls.</summary>
    Batch,
}

/// <summary>
/// Work that the provider still does and has not reported the cost of. Its worst cost was charged when it began, and
/// stands in the spend of its accounts like any other; this row says what is to be put right once the cost is known, and
/// outlives restarts with it. A row that never is settled leaves the charge as it is.
/// </summary>
internal sealed class OpenJob
{
    /// <summary>The row of usage that it was charged by.</summary>
    public Guid UsageId { get; set; }

    public JobKind Kind { get; set; }

    public required string UpstreamId { get; set; }

    /// <summary>The provider's id of it.</summary>
    public required string ObjectId { get; set; }

    /// <summary>The grant that it was begun under.</summary>
    public Guid GrantId { get; set; }

    public Guid UpstreamKeyId { get; set; }

    /// <summary>Null where each of its calls names its own.</summary>
    public string? Model { get; set; }

    /// <summary>The accounts that it was charged to, as <c>grant:id user:id</c>.</summary>
    public string Accounts { get; set; } = "";

    /// <summary>The day that it was charged in, as in the spend table.</summary>
    public int Day { get; set; }

    public int Month { get; set; }

    /// <summary>What it was charged, in micro-dollars.</summary>
    public long ChargedMicros { get; set; }

    public DateTime OpenedAt { get; set; }

    /// <summary>When the provider is asked next.</summary>
    public DateTime NextAt { get; set; }

    /// <summary>How often it was asked.</summary>
    public int Tries { get; set; }

    public static void Map(ModelBuilder builder) => builder.Entity<OpenJob>(job =>
    {
        job.ToTable("open_jobs");
        job.HasKey(j => j.UsageId);
        job.HasIndex(j => j.NextAt);
        job.Ignore(j => j.IsPaidByCredit);
        job.Property(j => j.Kind).HasConversion<string>().HasMaxLength(8);
        job.Property(j => j.UpstreamId).HasMaxLength(32);
        job.Property(j => j.ObjectId).HasMaxLength(200);
    });

    /// <summary>Where the charge counts: known once it is settled.</summary>
    public void CountsIn(OpenBooks books)
    {
        Accounts = string.Join(' ', books.Line.Accounts.Select(account => account.Id.ToString()));
        (Day, Month) = (books.Now.Day, books.Now.Month);
    }

    /// <summary>Whether the key was a sponsor's.</summary>
    public bool IsPaidByCredit => ReadAccounts().Any(account => account.Kind == AccountKind.Credit);

    /// <exception cref="FormatException">The row was not written by this program.</exception>
    public IEnumerable<AccountId> ReadAccounts() => Accounts.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(text =>
    {
        var parts = text.Split(':');
        return new AccountId(Enum.Parse<AccountKind>(parts[0], ignoreCase: true), Guid.Parse(parts[1]));
    });
}
