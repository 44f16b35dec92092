using System.ComponentModel.DataAnnotations;

namespace TokenBroker.Storage;

/// <summary>Section <c>Storage</c>: where the broker keeps what it must not lose.</summary>
internal sealed class StorageOptions : IValidatableObject
{
    public const string Sqlite = "Sqlite";
    public const string PostgreSql = "PostgreSql";

    /// <summary>The database: <c>Sqlite</c>, a file in the data directory, for one node, or <c>PostgreSql</c>, for any number.</summary>
    public string Provider { get; set; } = Sqlite;

    /// <summary>
    /// Where PostgreSQL is, as Npgsql writes it: <c>Host=db.internal;Database=tokenbroker;Username=tokenbroker;SSL Mode=VerifyFull</c>.
    /// The database must be there; its tables are made by the broker.
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>
    /// The folder of the database and the embedded vault; made with mode 0700. Default: <c>TokenBroker</c> in the
    /// user's local application data.
    /// </summary>
    [Required]
    public string DataDirectory { get; set; } = Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify),
        "TokenBroker");

    /// <summary>As it is configured, before it is validated: what the program is made of depends on it.</summary>
    public static StorageOptions Of(IConfiguration configuration) => configuration.GetSection("Storage").Get<StorageOptions>() ?? new StorageOptions();

    public bool IsPostgreSql => string.Equals(Provider, PostgreSql, StringComparison.OrdinalIgnoreCase);

    /// <summary>For what works on SQLite's file.</summary>
    /// <exception cref="InvalidOperationException">There is none; the message says what to do instead.</exception>
    public void RequireSqlite(string instead)
    {
        if (IsPostgreSql)
        {
            throw new InvalidOperationException($"The database is PostgreSQL, which has tools of its own for this. {instead} See docs/backup.md.");
        }
    }

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (!IsPostgreSql && !string.Equals(Provider, Sqlite, StringComparison.OrdinalIgnoreCase))
        {
            yield return new ValidationResult($"Storage:Provider is '{Provider}'; it must be {Sqlite} or {PostgreSql}.");
        }
        else if (IsPostgreSql && string.IsNullOrWhiteSpace(ConnectionString))
        {
            yield return new ValidationResult(
                "Storage:Provider is PostgreSql, and Storage:ConnectionString is not set. Set it, such as 'Host=db.internal;Database=tokenbroker;Username=tokenbroker;SSL Mode=VerifyFull'.");
        }
        else if (!IsPostgreSql && !string.IsNullOrWhiteSpace(ConnectionString))
        {
            yield return new ValidationResult(
                "Storage:ConnectionString is set, and Storage:Provider is Sqlite, which needs none. Set Storage:Provider to PostgreSql, or take the connection string away.");
        }
    }
}
