using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace TokenBroker.Storage;

/// <summary>
/// One statement for many rows of one shape, in the transaction that is open. It writes values as the model's own
/// columns hold them and allocates nothing for a row: what is stored behind each call must cost less than the call.
/// </summary>
internal sealed class RowInsert : IDisposable
{
    private const int GuidLength = 36;
    private const int MostTimeLength = 32;
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;
    private int _next = 1;

    private RowInsert(sqlite3 connection, sqlite3_stmt statement) => (_connection, _statement) = (connection, statement);

    /// <exception cref="InvalidOperationException">No transaction is open.</exception>
    public static RowInsert Into(BrokerDbContext db, string table, IReadOnlyList<string> columns)
    {
        _ = db.Database.CurrentTransaction ?? throw new InvalidOperationException("Rows are stored in the transaction of what they belong to.");
        var connection = ((SqliteConnection)db.Database.GetDbConnection()).Handle!;
        var names = string.Join(", ", columns.Select(column => $"\"{column}\""));
        var values = string.Join(", ", columns.Select(_ => "?"));
        var code = raw.sqlite3_prepare_v2(connection, $"INSERT INTO \"{table}\" ({names}) VALUES ({values})", out var statement);
        return code == raw.SQLITE_OK ? new RowInsert(connection, statement) : throw FaultOf(connection, code);
    }

    /// <summary>The next column's value.</summary>
    public RowInsert With(Guid value)
    {
        Span<byte> text = stackalloc byte[GuidLength];
        value.TryFormat(text, out _);
        Ascii.ToUpperInPlace(text, out _);
        return Bound(raw.sqlite3_bind_text(_statement, _next, text));
    }

    /// <inheritdoc cref="With(Guid)"/>
    public RowInsert With(DateTime value)
    {
        Span<byte> text = stackalloc byte[MostTimeLength];
        value.TryFormat(text, out var length, @"yyyy\-MM\-dd HH\:mm\:ss.FFFFFFF", CultureInfo.InvariantCulture);
        return Bound(raw.sqlite3_bind_text(_statement, _next, text[..length]));
    }

    /// <inheritdoc cref="With(Guid)"/>
    public RowInsert With(string? value)
    {
        if (value is null)
        {
            return Bound(raw.sqlite3_bind_null(_statement, _next));
        }

        const int UsualLength = 256;
        Span<byte> text = value.Length <= UsualLength / 3 ? stackalloc byte[UsualLength] : new byte[Encoding.UTF8.GetMaxByteCount(value.Length)];
        return Bound(raw.sqlite3_bind_text(_statement, _next, text[..Encoding.UTF8.GetBytes(value, text)]));
    }

    /// <inheritdoc cref="With(Guid)"/>
    public RowInsert With(long value) => Bound(raw.sqlite3_bind_int64(_statement, _next, value));

    /// <inheritdoc cref="With(Guid)"/>
    public RowInsert With(bool value) => With(value ? 1 : 0);

    /// <summary>Stores the row whose values were given.</summary>
    /// <exception cref="SqliteException">The database refused it.</exception>
    public void Store()
    {
        var code = raw.sqlite3_step(_statement);
        _next = 1;
        raw.sqlite3_reset(_statement);
        if (code != raw.SQLITE_DONE)
        {
            throw FaultOf(_connection, code);
        }
    }

    public void Dispose() => _statement.Dispose();

    private static SqliteException FaultOf(sqlite3 connection, int code) =>
        new(raw.sqlite3_errmsg(connection).utf8_to_string(), code, raw.sqlite3_extended_errcode(connection));

    private RowInsert Bound(int code)
    {
        _next++;
        return code == raw.SQLITE_OK ? this : throw FaultOf(_connection, code);
    }
}
