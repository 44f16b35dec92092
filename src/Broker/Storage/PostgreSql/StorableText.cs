using System.Collections;
using System.Data.Common;
using System.Text;
using Microsoft.EntityFrameworkCore.Diagnostics;

namespace TokenBroker.Storage.PostgreSql;

/// <summary>
/// PostgreSQL refuses text that holds U+0000, which SQLite stores, and half of a surrogate pair is no text to it either. What
/// an app names so (a model, say) must not hold up the batch that its usage is stored in: it is replaced by U+FFFD.
/// </summary>
internal sealed class StorableText : DbCommandInterceptor
{
    public static string Of(string text) => Ascii.IsValid(text) && !text.Contains('\0', StringComparison.Ordinal)
        ? text
        : Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)).Replace('\0', '\uFFFD');

    public override InterceptionResult<DbDataReader> ReaderExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result) =>
        Cleaned(command, result);

    public override ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<DbDataReader> result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Cleaned(command, result));

    public override InterceptionResult<int> NonQueryExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<int> result) =>
        Cleaned(command, result);

    public override ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<int> result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Cleaned(command, result));

    public override InterceptionResult<object> ScalarExecuting(DbCommand command, CommandEventData eventData, InterceptionResult<object> result) =>
        Cleaned(command, result);

    public override ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
        DbCommand command, CommandEventData eventData, InterceptionResult<object> result, CancellationToken cancellationToken = default) =>
        ValueTask.FromResult(Cleaned(command, result));

    private static InterceptionResult<T> Cleaned<T>(DbCommand command, InterceptionResult<T> result)
    {
        foreach (DbParameter parameter in command.Parameters)
        {
            if (parameter.Value is string text)
            {
                var storable = Of(text);
                if (!ReferenceEquals(storable, text))
                {
                    parameter.Value = storable;
                }
            }
            else if (parameter.Value is IList { IsReadOnly: false } and IList<string> list)
            {
                // A copy: the list is the caller's.
                parameter.Value = list.Select(one => one is null ? null! : Of(one)).ToArray();
            }
        }

        return result;
    }
}
