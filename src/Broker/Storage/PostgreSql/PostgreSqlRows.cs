using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;
using Npgsql;

namespace TokenBroker.Storage.PostgreSql;

/// <summary>Rows for PostgreSQL: kept by column, and sent as one statement of one array a column, in one round trip however many they are.</summary>
internal sealed class PostgreSqlRows(PostgreSqlBrokerDbContext db, string table, IReadOnlyList<string> columns) : RowInsert
{
    private readonly IColumn?[] _columns = new IColumn?[columns.Count];
    private int _next;
    private int _rows;

    private interface IColumn
    {
        object ToArray();
    }

    public override RowInsert With(Guid value) => Add(value);

    public override RowInsert With(DateTime value) => Add(DateTime.SpecifyKind(value, DateTimeKind.Utc));

    public override RowInsert With(string? value) => Add(value is null ? null : StorableText.Of(value));

    public override RowInsert With(long value) => Add(value);

    public override RowInsert With(bool value) => Add(value);

    public override void Store()
    {
        if (_next != columns.Count)
        {
            throw new InvalidOperationException("The row does not have a value for each column.");
        }

        (_next, _rows) = (0, _rows + 1);
    }

    public override async Task CompleteAsync(CancellationToken cancellationToken)
    {
        if (_rows == 0)
        {
            return;
        }

        await using var command = (NpgsqlCommand)db.Database.GetDbConnection().CreateCommand();
        command.Transaction = (NpgsqlTransaction)db.Database.CurrentTransaction!.GetDbTransaction();
        var names = string.Join(", ", columns.Select(column => $"\"{column}\""));
        var values = string.Join(", ", columns.Select((_, i) => $"${i + 1}"));
        command.CommandText = $"INSERT INTO \"{table}\" ({names}) SELECT * FROM unnest({values})";
        foreach (var column in _columns)
        {
            command.Parameters.Add(new NpgsqlParameter { Value = column!.ToArray() });
        }

        await command.ExecuteNonQueryAsync(cancellationToken);
        Array.Clear(_columns);
        _rows = 0;
    }

    public override void Dispose()
    {
        // Nothing is held: rows that were not sent are forgotten with this.
    }

    private PostgreSqlRows Add<T>(T value)
    {
        ((Column<T>)(_columns[_next++] ??= new Column<T>())).Values.Add(value);
        return this;
    }

    private sealed class Column<T> : IColumn
    {
        public List<T> Values { get; } = [];

        public object ToArray() => Values.ToArray();
    }
}
