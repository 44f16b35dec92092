using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody;
using TokenBroker.Custody.Uploads;
using TokenBroker.Samples.Quickstart.Check;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Uploads;

public sealed class Rotating_upload_keys
{
    private static readonly byte[] s_binding = [1, 2, 3];
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 10, 9, 0, 0, TimeSpan.Zero));

    [Fact]
    public async Task Offers_one_key_for_a_day_and_then_another()
    {
        await using var broker = await BrokerHost.StartAsync(clock: _clock);
        var first = await KeysOf(broker).OfferAsync(CancellationToken.None);

        _clock.Advance(TimeSpan.FromHours(24) - TimeSpan.FromSeconds(1));
        (await KeysOf(broker).OfferAsync(CancellationToken.None)).Id.Should().Be(first.Id);
        _clock.Advance(TimeSpan.FromSeconds(1));

        (await KeysOf(broker).OfferAsync(CancellationToken.None)).Id.Should().NotBe(first.Id);
    }

    [Fact]
    public async Task Makes_one_key_however_many_forms_are_shown_at_once()
    {
        await using var broker = await BrokerHost.StartAsync();

        var offered = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => Task.Run(async () => await KeysOf(broker).OfferAsync(CancellationToken.None))));

        offered.Select(key => key.Id).Distinct().Should().ContainSingle();
        (await RowsAsync(broker)).Should().ContainSingle();
    }

    [Fact]
    public async Task Opens_for_an_hour_after_the_last_offer_and_never_again()
    {
        await using var broker = await BrokerHost.StartAsync(clock: _clock);
        var keys = KeysOf(broker);
        var offered = await keys.OfferAsync(CancellationToken.None);
        var recorded = Seal(offered, "sk-recorded");
        _clock.Advance(TimeSpan.FromHours(25) - TimeSpan.FromSeconds(1));
        using (var opened = await keys.OpenAsync(offered.Id, recorded, s_binding, CancellationToken.None))
        {
            opened!.RevealText().Should().Be("sk-recorded");
        }

        _clock.Advance(TimeSpan.FromSeconds(1));

        (await keys.OpenAsync(offered.Id, recorded, s_binding, CancellationToken.None)).Should().BeNull();
        await keys.OfferAsync(CancellationToken.None);
        (await RowsAsync(broker)).Should().NotContain(row => row.Id == offered.Id, "its private half is gone with the row");
    }

    [Fact]
    public async Task Deletes_an_old_key_where_nobody_asks_for_another()
    {
        await using var broker = await BrokerHost.StartAsync(clock: _clock);
        await KeysOf(broker).OfferAsync(CancellationToken.None);

        _clock.Advance(TimeSpan.FromHours(26));

        await Eventually.IsAsync(() => RowsAsync(broker), rows => rows.Count == 0);
    }

    [Fact]
    public async Task Goes_on_with_the_same_key_after_a_restart_and_at_another_node()
    {
        await using var broker = await BrokerHost.StartAsync();
        var offered = await KeysOf(broker).OfferAsync(CancellationToken.None);
        var sealedKey = Seal(offered, "sk-test");
        await broker.RestartBrokerAsync();
        await using var node = await BrokerHost.StartAsync(dataDirectory: broker.DataDirectory);

        foreach (var host in (BrokerHost[])[broker, node])
        {
            using var opened = await KeysOf(host).OpenAsync(offered.Id, sealedKey, s_binding, CancellationToken.None);
            opened!.RevealText().Should().Be("sk-test");
            (await KeysOf(host).OfferAsync(CancellationToken.None)).Should().BeEquivalentTo(offered);
        }
    }

    [Fact]
    public async Task Offers_no_public_key_that_somebody_wrote_into_the_table()
    {
        await using var broker = await BrokerHost.StartAsync();
        var offered = await KeysOf(broker).OfferAsync(CancellationToken.None);
        using var thief = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var point = Hpke.PointOf(thief);
        await broker.WithDatabaseAsync(db => db.CustodySecrets.Where(s => s.Id == offered.Id).ExecuteUpdateAsync(set => set.SetProperty(s => s.PublicKey, point)));

        await broker.RestartBrokerAsync();

        (await KeysOf(broker).OfferAsync(CancellationToken.None)).PublicKey.Should().Equal(offered.PublicKey);
    }

    [Fact]
    public async Task Offers_another_key_where_the_newest_does_not_open()
    {
        await using var broker = await BrokerHost.StartAsync();
        var broken = await KeysOf(broker).OfferAsync(CancellationToken.None);
        await broker.WithDatabaseAsync(async db =>
        {
            var row = await db.CustodySecrets.SingleAsync(s => s.Id == broken.Id);
            row.Envelope = [.. row.Envelope[..^1], (byte)(row.Envelope[^1] ^ 1)];
            return await db.SaveChangesAsync();
        });
        await broker.RestartBrokerAsync();

        var offered = await KeysOf(broker).OfferAsync(CancellationToken.None);

        offered.Id.Should().NotBe(broken.Id);
        using var opened = await KeysOf(broker).OpenAsync(offered.Id, Seal(offered, "sk-test"), s_binding, CancellationToken.None);
        opened!.RevealText().Should().Be("sk-test");
    }

    private static UploadKeys KeysOf(BrokerHost broker) => broker.Services.GetRequiredService<UploadKeys>();

    private static Task<List<CustodySecret>> RowsAsync(BrokerHost broker) =>
        broker.WithDatabaseAsync(db => db.CustodySecrets.AsNoTracking().Where(s => s.Purpose == UploadKeys.Purpose).ToListAsync());

    private static SealedUpload Seal(OfferedKey key, string text)
    {
        var (enc, ciphertext) = SealingBrowser.Seal(key.PublicKey, SealedUpload.InfoOf(key.Id), s_binding, System.Text.Encoding.UTF8.GetBytes(text));
        return new SealedUpload("", enc, ciphertext);
    }
}
