using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;

namespace TokenBroker.Tests.Custody.Rewrapping;

[Trait("Checklist", "16")]
public sealed class Rewrapping_records
{
    [Fact]
    public async Task Never_opens_what_is_sealed()
    {
        await using var bench = await RewrapBench.RotatedAsync(1);
        var row = await bench.WithAsync(db => db.UpstreamKeys.AsNoTracking().SingleAsync());
        var binding = UpstreamKeys.BindingOf(row.UserId, row.Id, row.Generation, row.UpstreamId);
        var blind = new Envelopes(bench.Vault, _ => throw new InvalidOperationException("without the record key nothing opens, and nobody may ask for it"));
        row.Envelope[^1] ^= 1;

        var moved = await blind.RewrapAsync(row.Envelope, binding, CancellationToken.None);

        Envelopes.KekIdOf(moved).Should().NotBe(bench.Before);
        var (old, renewed) = (EnvelopeFormat.Read(row.Envelope), EnvelopeFormat.Read(moved));
        renewed.Ciphertext.SequenceEqual(old.Ciphertext).Should().BeTrue("it is sealed as it was, and what is broken stays broken");
        renewed.Tag.SequenceEqual(old.Tag).Should().BeTrue();
        renewed.Nonce.SequenceEqual(old.Nonce).Should().BeTrue();
        renewed.Wrapped.Bytes.Should().NotEqual(old.Wrapped.Bytes);
        var open = () => bench.Envelopes.OpenAsync(moved, binding, CancellationToken.None);
        await open.Should().ThrowAsync<CryptographicException>();
        moved[^1] ^= 1;
        (await bench.Envelopes.OpenAsync(moved, binding, CancellationToken.None)).RevealText().Should().Be("sk-0");
    }

    [Fact]
    public async Task Refuses_a_data_key_that_is_of_another_record()
    {
        await using var bench = await RewrapBench.RotatedAsync(2);
        var rows = await bench.WithAsync(db => db.UpstreamKeys.AsNoTracking().OrderBy(k => k.CreatedAt).ToListAsync());
        var mixed = EnvelopeFormat.Read(rows[0].Envelope).WithWrappedKey(EnvelopeFormat.Read(rows[1].Envelope).Wrapped);
        var binding = UpstreamKeys.BindingOf(rows[0].UserId, rows[0].Id, 1, "openai");

        var rewrap = () => bench.Envelopes.RewrapAsync(mixed, binding, CancellationToken.None, CommitmentOf.DataAndRecordKey);
        var check = () => bench.Envelopes.CheckAsync(mixed, binding, CommitmentOf.DataAndRecordKey, CancellationToken.None);

        await rewrap.Should().ThrowAsync<CryptographicException>();
        await check.Should().ThrowAsync<CryptographicException>();
    }

    [Fact]
    public async Task Goes_on_after_an_end_at_every_batch_and_in_the_middle_of_one()
    {
        const int Keys = (3 * Rewrap.BatchSize) + 100;
        foreach (var end in (int[])[1, 2, 249, 250, 251, 400, 500, 501, 750, 751, 850])
        {
            await using var bench = await RewrapBench.RotatedAsync(Keys);
            bench.Hooks.BeforeUnwrap = unwrap => unwrap == end + 1 ? throw new InvalidOperationException("killed") : Task.CompletedTask;

            await bench.Invoking(b => b.RewrapAsync()).Should().ThrowAsync<InvalidOperationException>();
            var left = await bench.LeftAsync();
            (left % Rewrap.BatchSize).Should().Be(100, "a batch is moved as a whole or not at all");

            var report = await bench.RewrapAsync();
            report.Moved.Should().Be(left, $"what was done before the end at {end} is not done again");
            report.Left.Should().BeEmpty();
            (await bench.TextsAsync()).Should().Equal(Enumerable.Range(0, Keys).Select(i => $"sk-{i}"));
        }
    }

    [Fact]
    public async Task Neither_overwrites_nor_revives_a_key_that_changes_at_the_same_moment()
    {
        await using var bench = await RewrapBench.RotatedAsync(3);
        var changed = 0;
        bench.Hooks.BeforeUnwrap = async _ =>
        {
            // The records are read and on their way: one is replaced in place now, one is deleted.
            if (Interlocked.Exchange(ref changed, 1) == 0)
            {
                var next = await bench.SealedAsync(bench.Ids[0], "sk-replaced", 2);
                await bench.WithAsync(db => db.UpstreamKeys.Where(k => k.Id == next.Id).ExecuteUpdateAsync(set => set
                    .SetProperty(k => k.UserId, next.UserId).SetProperty(k => k.Envelope, next.Envelope).SetProperty(k => k.KekId, next.KekId).SetProperty(k => k.Generation, 2)));
                await bench.WithAsync(db => db.UpstreamKeys.Where(k => k.Id == bench.Ids[1]).ExecuteDeleteAsync());
            }
        };

        var report = await bench.RewrapAsync();

        report.Left.Should().BeEmpty();
        report.Moved.Should().Be(1);
        (await bench.TextsAsync()).Should().Equal("sk-replaced", null, "sk-2");
    }

    [Fact]
    public async Task Moves_what_is_stored_under_the_old_version_meanwhile()
    {
        await using var bench = await RewrapBench.RotatedAsync(3);
        var added = 0;
        var old = await bench.WithAsync(db => db.UpstreamKeys.AsNoTracking().SingleAsync(k => k.Id == bench.Ids[2]));
        await bench.WithAsync(db => db.UpstreamKeys.Where(k => k.Id == old.Id).ExecuteDeleteAsync());
        bench.Hooks.BeforeUnwrap = async _ =>
        {
            if (Interlocked.Exchange(ref added, 1) == 0)
            {
                await bench.WithAsync(db =>
                {
                    db.UpstreamKeys.Add(old);
                    return db.SaveChangesAsync();
                });
            }
        };

        (await bench.RewrapAsync()).Left.Should().BeEmpty();

        (await bench.TextsAsync()).Should().Equal("sk-0", "sk-1", "sk-2");
    }

    [Fact]
    public async Task Lists_what_cannot_be_opened_and_moves_the_rest()
    {
        await using var bench = await RewrapBench.RotatedAsync(6);
        await ChangeAsync(bench, 1, (row, kek) => row.Envelope[7 + kek.Length + 2 + 20] ^= 1);
        await ChangeAsync(bench, 3, (row, kek) => row.Envelope[7 + kek.Length - 1] ^= 1);
        await ChangeAsync(bench, 4, (row, _) => row.Envelope = [1, 2, 3]);

        var report = await bench.RewrapAsync();

        report.Moved.Should().Be(3);
        report.Troubled.Select(record => record.Id).Should().BeEquivalentTo([bench.Ids[1].ToString(), bench.Ids[3].ToString(), bench.Ids[4].ToString()]);
        report.Troubled.Should().OnlyContain(record => record.Kind == "upstream keys" && record.Trouble.Length > 0);
        report.Left.Sum(use => use.Records).Should().Be(3);
        (await bench.WithAsync(db => db.UpstreamKeys.CountAsync(k => k.KekId == report.KekId))).Should().Be(3);
        (await bench.Inventory.TryAsync(() => { }, CancellationToken.None)).Select(record => record.Id).Should().BeEquivalentTo(report.Troubled.Select(record => record.Id));
    }

    [Fact]
    public async Task Believes_the_envelope_and_not_the_column()
    {
        await using var bench = await RewrapBench.RotatedAsync(3);
        var now = await bench.Vault.CurrentKeyIdAsync(CancellationToken.None);
        await bench.WithAsync(db => db.UpstreamKeys.Where(k => k.Id == bench.Ids[1]).ExecuteUpdateAsync(set => set.SetProperty(k => k.KekId, now)));

        (await bench.LeftAsync()).Should().Be(3);
        (await bench.RewrapAsync()).Left.Should().BeEmpty();

        (await bench.LeftAsync()).Should().Be(0);
        (await bench.TextsAsync()).Should().Equal("sk-0", "sk-1", "sk-2");
    }

    [Fact]
    public async Task Moves_from_one_vault_to_another()
    {
        await using var bench = await RewrapBench.MakeAsync(300);
        var next = LocalFileVault.LoadOrCreate(Path.Combine(bench.Directory, "next.key"));
        bench.Use([next, bench.Hooks]);

        var report = await bench.RewrapAsync();

        report.Troubled.Should().BeEmpty();
        report.Left.Should().BeEmpty();
        report.Moved.Should().Be(300);
        bench.Use([next]);
        (await bench.TextsAsync()).Should().Equal(Enumerable.Range(0, 300).Select(i => $"sk-{i}"), "the old vault is not needed any more");
    }

    [Fact]
    public async Task Waits_as_long_as_a_vault_that_throttles_asks_and_goes_on()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var bench = await RewrapBench.RotatedAsync(300, clock);
        bench.Hooks.BeforeUnwrap = unwrap => unwrap % 50 == 0
            ? throw new VaultUnavailableException("Too many requests.", TimeSpan.FromSeconds(7))
            : Task.CompletedTask;
        var waits = 0;
        var began = clock.GetUtcNow();

        var run = bench.RewrapAsync(progress => waits += progress.Waiting is null ? 0 : 1);
        while (!run.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(200));
            await Task.Delay(1);
        }

        var report = await run;
        report.Troubled.Should().BeEmpty("a vault that is busy is no fault of a record");
        report.Left.Should().BeEmpty();
        waits.Should().BeGreaterThan(0);
        (clock.GetUtcNow() - began).Should().BeGreaterThan(TimeSpan.FromSeconds(7 * 5), "it was asked to wait at least five times");
        bench.Hooks.Unwraps.Should().BeLessThan(350, "and did not hammer on the vault meanwhile");
        bench.Hooks.BeforeUnwrap = _ => Task.CompletedTask;
        (await bench.TextsAsync()).Should().Equal(Enumerable.Range(0, 300).Select(i => $"sk-{i}"));
    }

    [Fact]
    public async Task Ends_where_the_current_version_is_refused_and_blames_no_record()
    {
        await using var bench = await RewrapBench.RotatedAsync(3);
        bench.Hooks.BeforeUnwrap = unwrap => unwrap > 1 ? throw new VaultRefusedException("Access denied.") : Task.CompletedTask;

        await bench.Invoking(b => b.RewrapAsync()).Should().ThrowAsync<VaultRefusedException>();

        (await bench.LeftAsync()).Should().Be(3);
    }

    private static Task<int> ChangeAsync(RewrapBench bench, int key, Action<UpstreamKey, string> change) => bench.WithAsync(async db =>
    {
        var row = await db.UpstreamKeys.SingleAsync(k => k.Id == bench.Ids[key]);
        row.Envelope = [.. row.Envelope];
        change(row, bench.Before);
        return await db.SaveChangesAsync();
    });
}
