using Npgsql;

namespace TokenBroker.Storage.PostgreSql;

/// <summary>What changed on another node, or by another program.</summary>
internal enum Changed
{
    /// <summary>Anything may have: the connection is new, and what was said before it was not heard.</summary>
    Anything,

    /// <summary>A grant's row; its id.</summary>
    Grant,

    /// <summary>One access token was revoked; the id of its grant, which goes on.</summary>
    Token,

    /// <summary>An upstream key was replaced or is gone; its id.</summary>
    Key,

    /// <summary>A cap of an app; its id.</summary>
    AppCap,

    /// <summary>A cap of a user; their id.</summary>
    UserCap,

    /// <summary>The price lists.</summary>
    Prices,
}

/// <param name="What">What kind of thing changed.</param>
/// <param name="Id">Which; empty where it is not one.</param>
internal readonly record struct ChangeElsewhere(Changed What, Guid Id);

/// <summary>
/// Hears what other nodes changed, over one connection of its own. The database itself says it, by triggers
/// (see <see cref="DatabaseRules"/>), in the transaction of the change: nothing that is committed goes unsaid, whichever
/// path or program made it, and nothing is said that was rolled back. A connection that breaks is made anew, and
/// what was missed meanwhile is told as <see cref="Changed.Anything"/>.
/// </summary>
internal sealed class ChangeFeed(NpgsqlDataSource data, ThisNode node, TimeProvider time, ILogger<ChangeFeed> logger)
{
    public const string Channel = "tokenbroker";

    /// <summary>After so long a silence the connection is asked whether it lives.</summary>
    private static readonly TimeSpan Silence = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan BetweenTries = TimeSpan.FromMilliseconds(250);

    /// <summary>Runs until it is cancelled.</summary>
    /// <param name="hear">Takes changes in their order, one batch at a time. Where it fails, the connection is made anew.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task ListenAsync(Func<IReadOnlyCollection<ChangeElsewhere>, Task> hear, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await ListenOnceAsync(hear, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "Changes of other nodes are not heard; the connection is made anew. Until then the re-check alone finds them.");
                await ((Task)Task.Delay(BetweenTries, time, cancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    private async Task ListenOnceAsync(Func<IReadOnlyCollection<ChangeElsewhere>, Task> hear, CancellationToken cancellationToken)
    {
        await using var connection = await data.OpenConnectionAsync(cancellationToken);
        var heard = new List<ChangeElsewhere>();
        connection.Notification += (_, said) =>
        {
            if (Read(said.Payload) is { } change)
            {
                heard.Add(change);
            }
        };
        await using var listen = connection.CreateCommand();
        listen.CommandText = $"LISTEN {Channel}";
        await listen.ExecuteNonQueryAsync(cancellationToken);
        await using var ask = connection.CreateCommand();
        ask.CommandText = "SELECT 1";
        ask.CommandTimeout = (int)Silence.TotalSeconds;

        heard.Add(new ChangeElsewhere(Changed.Anything, Guid.Empty));
        while (true)
        {
            if (heard.Count > 0)
            {
                ChangeElsewhere[] batch = [.. heard.Distinct()];
                heard.Clear();
                await hear(batch);
            }
            else if (!await connection.WaitAsync(Silence, cancellationToken))
            {
                await ask.ExecuteScalarAsync(cancellationToken);
            }
        }
    }

    /// <summary>As the triggers write it: node, what, id. What a later version may say and this one does not know is anything.</summary>
    private ChangeElsewhere? Read(string payload)
    {
        var parts = payload.Split(' ');
        return parts is [var from, var what, var id] && Guid.TryParse(id, out var which)
            ? from == node.Id.ToString("N") ? null
            : Enum.TryParse<Changed>(what, out var known) ? new ChangeElsewhere(known, which) : new ChangeElsewhere(Changed.Anything, Guid.Empty)
            : new ChangeElsewhere(Changed.Anything, Guid.Empty);
    }
}
