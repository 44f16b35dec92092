using Microsoft.EntityFrameworkCore;
using TokenBroker.Audit;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Audit;

public sealed class Verifying_the_chain : IAsyncLifetime
{
    private const int Events = 8;
    private const string InsertCopy =
        "INSERT INTO audit_events (Sequence, At, Action, Actor, Target, UserId, Detail, PreviousHash, Hash) "
        + "SELECT 4, At, Action, Actor, Target, UserId, Detail, PreviousHash, Hash FROM audit_events WHERE Sequence = 3;";

    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;

    public async ValueTask InitializeAsync()
    {
        await using var db = Open();
        await db.Database.EnsureCreatedAsync();
        await db.Database.ExecuteSqlRawAsync("PRAGMA journal_mode = WAL;");
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_directory, recursive: true);
        return default;
    }

    [Fact]
    public async Task Finds_an_untouched_log_whole()
    {
        await RecordAsync(Events);

        (await VerifyAsync()).Should().Be((Events, (long?)null));
    }

    [Fact]
    public async Task Finds_an_empty_log_whole() => (await VerifyAsync()).Should().Be((0, (long?)null));

    [Theory]
    [InlineData("UPDATE audit_events SET Detail = '{\"n\":99}' WHERE Sequence = 3", 3)]
    [InlineData("UPDATE audit_events SET Action = 'grant.ended' WHERE Sequence = 3", 3)]
    [InlineData("UPDATE audit_events SET Actor = 'system' WHERE Sequence = 1", 1)]
    [InlineData("UPDATE audit_events SET Target = 'key:2' WHERE Sequence = 8", 8)]
    [InlineData("UPDATE audit_events SET UserId = NULL WHERE Sequence = 3", 3)]
    [InlineData("UPDATE audit_events SET At = '2020-01-01 00:00:00' WHERE Sequence = 3", 3)]
    [InlineData("UPDATE audit_events SET Hash = zeroblob(32) WHERE Sequence = 3", 3)]
    [InlineData("UPDATE audit_events SET PreviousHash = zeroblob(32) WHERE Sequence = 3", 3)]
    [InlineData("DELETE FROM audit_events WHERE Sequence = 3", 3)]
    [InlineData("DELETE FROM audit_events WHERE Sequence = 1", 1)]
    [InlineData("DELETE FROM audit_events WHERE Sequence = 3; UPDATE audit_events SET Sequence = Sequence - 1 WHERE Sequence > 3", 3)]
    [InlineData("UPDATE audit_events SET Sequence = 99 WHERE Sequence = 3; UPDATE audit_events SET Sequence = 3 WHERE Sequence = 4; UPDATE audit_events SET Sequence = 4 WHERE Sequence = 99", 3)]
    [InlineData("UPDATE audit_events SET Sequence = Sequence + 1000 WHERE Sequence >= 4; UPDATE audit_events SET Sequence = Sequence - 999 WHERE Sequence >= 1000; " + InsertCopy, 4)]
    [InlineData("UPDATE audit_events SET Actor = Actor || substr(Target, 1, 1), Target = substr(Target, 2) WHERE Sequence = 3", 3)]
    public async Task Finds_what_was_done_to_it_at_the_right_place(string sql, long brokenAt)
    {
        await RecordAsync(Events);
        await using (var db = Open())
        {
            await db.Database.ExecuteSqlRawAsync(sql.Replace("{", "{{", StringComparison.Ordinal).Replace("}", "}}", StringComparison.Ordinal));
        }

        (await VerifyAsync()).Should().Be((brokenAt - 1, (long?)brokenAt));
    }

    [Fact]
    public async Task Finds_a_row_that_was_changed_together_with_its_hash_at_the_next_one()
    {
        await RecordAsync(Events);
        await using (var db = Open())
        {
            var row = await db.AuditEvents.SingleAsync(e => e.Sequence == 3);
            row.Detail = "{\"n\":99}";
            row.Hash = (byte[])typeof(AuditLog).GetMethod("HashOf", System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!.Invoke(null, [row])!;
            await db.SaveChangesAsync();
        }

        (await VerifyAsync()).Should().Be((3, (long?)4));
    }

    [Fact]
    public async Task Stays_whole_under_many_writers_at_one_time()
    {
        const int Writers = 8;
        const int Each = 25;

        await Task.WhenAll(Enumerable.Range(0, Writers).Select(_ => Task.Run(() => RecordAsync(Each))));

        (await VerifyAsync()).Should().Be((Writers * Each, (long?)null));
    }

    [Fact]
    public async Task Keeps_a_forged_line_inside_its_record()
    {
        const string Evil = "App\",\"actor\":\"system\"}\n2 2026-01-01 grant.approved user:1 grant:1 {\"x\":\"\r\n'; DROP TABLE audit_events; --\0";
        await using (var db = Open())
        {
            var log = new AuditLog(db, TimeProvider.System);
            await db.InTransactionAsync(() => log.RecordAsync("app.registered", "system", "app:" + Evil, null, new { name = Evil }, default), default);
        }

        (await VerifyAsync()).Should().Be((1, (long?)null));
        await using var read = Open();
        var row = await read.AuditEvents.AsNoTracking().SingleAsync();
        row.Action.Should().Be("app.registered");
        row.Detail.Should().NotContain("\n").And.NotContain("\"actor\"");
        System.Text.Json.JsonDocument.Parse(row.Detail).RootElement.GetProperty("name").GetString().Should().Be(Evil);
    }

    [Fact]
    public async Task Takes_no_record_outside_a_transaction()
    {
        await using var db = Open();
        var log = new AuditLog(db, TimeProvider.System);

        await FluentActions.Awaiting(() => log.RecordAsync("x", "system", "y", null, null, default)).Should().ThrowAsync<InvalidOperationException>();
        (await VerifyAsync()).Verified.Should().Be(0);
    }

    private async Task RecordAsync(int count)
    {
        for (var i = 0; i < count; i++)
        {
            await using var db = Open();
            var log = new AuditLog(db, TimeProvider.System);
            await db.InTransactionAsync(
                () => log.RecordAsync("key.stored", $"user:{i}", $"key:{i}", Guid.NewGuid(), new { n = i }, CancellationToken.None), CancellationToken.None);
        }
    }

    private async Task<(long Verified, long? BrokenAt)> VerifyAsync()
    {
        await using var db = Open();
        return await new AuditLog(db, TimeProvider.System).VerifyAsync(CancellationToken.None);
    }

    private BrokerDbContext Open() => BareDatabase.Open(_directory);
}
