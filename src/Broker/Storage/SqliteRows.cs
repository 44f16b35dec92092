using System.Globalization;
using System.Text;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using SQLitePCL;

namespace TokenBroker.Storage;

/// <summary>
/// Rows for SQLite: a prepared statement, stepped for each. It allocates nothing for a row.
/// </summary>
internal sealed class SqliteRows : RowInsert
{
    private const int GuidLength = 36;
    private const int MostTimeLength = 32;
    private readonly sqlite3 _connection;
    private readonly sqlite3_stmt _statement;
    private int _next = 1;

    private SqliteRows(sqlite3 connection, sqlite3_stmt statement) => (_connection, _statement) = (connection, statement);

    public static SqliteRows Prepare(BrokerDbContext db, string table, IReadOnlyList<string> columns)
    {
        var connection = ((SqliteConnection)db.Database.GetDbConnection()).Handle!;
        var names = string.Join(", ", columns.Select(column => $"\"{column}\""));
        var values = string.Join(", ", columns.Select(_ => "?"));
        var code = raw.sqlite3_prepare_v2(connection, $"INSERT INTO \"{table}\" ({names}) VALUES ({values})", out var statement);
        return code == raw.SQLITE_OK ? new SqliteRows(connection, statement) : throw FaultOf(connection, code);
    }

    public override RowInsert With(Guid value)
    {
        Span<byte> text = stackalloc byte[GuidLength];
        value.TryFormat(text, out _);
        Ascii.ToUpperInPlace(text, out _);
        return Bound(raw.sqlite3_bind_text(_statement, _next, text));
    }

    public override RowInsert With(DateTime value)
    {
        Span<byte> text = stackalloc byte[MostTimeLength];
        value.TryFormat(text, out var length, @"yyyy\-MM\-dd HH\:mm\:ss.FFFFFFF", CultureInfo.InvariantCulture);
        return Bound(raw.sqlite3_bind_text(_statement, _next, text[..length]));
    }

    public override RowInsert With(string? value)
    {
        if (value is null)
        {
            return Bound(raw.sqlite3_bind_null(_statement, _next));
        }

        const int UsualLength = 256;
        Span<byte> text = value.Length <= UsualLength / 3 ? stackalloc byte[UsualLength] : new byte[Encoding.UTF8.GetMaxByteCount(value.Length)];
        return Bound(raw.sqlite3_bind_text(_statement, _next, text[..Encoding.UTF8.GetBytes(value, text)]));
    }

    public override RowInsert With(long value) => Bound(raw.sqlite3_bind_int64(_statement, _next, value));

    public override RowInsert With(bool value) => With(value ? 1 : 0);

    public override void Store()
    {
        var code = raw.sqlite3_step(_statement);
        _next = 1;
        raw.sqlite3_reset(_statement);
        if (code != raw.SQLITE_DONE)
        {
            throw FaultOf(_connection, code);
        }
    }

    public override Task CompleteAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Dispose() => _statement.Dispose();

    private static SqliteException FaultOf(sqlite3 connection, int code) =>
        new(raw.sqlite3_errmsg(connection).utf8_to_string(), code, raw.sqlite3_extended_errcode(connection));

    private SqliteRows Bound(int code)
    {
        _next++;
        return code == raw.SQLITE_OK ? this : throw FaultOf(_connection, code);
    }
}
