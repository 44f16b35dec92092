using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Custody;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Rewrapping;

/// <summary>Many keys of one person, each with a secret that its number tells, sealed by the broker that is running.</summary>
internal sealed class SeededKeys
{
    private readonly BrokerHost _host;
    private readonly byte[] _seed = RandomNumberGenerator.GetBytes(32);
    private readonly Guid[] _ids;

    private SeededKeys(BrokerHost host, int count)
    {
        _host = host;
        _ids = new Guid[count];
    }

    public int Count => _ids.Length;

    public static async Task<SeededKeys> MakeAsync(BrokerHost host, int count)
    {
        var keys = new SeededKeys(host, count);
        using var person = await Person.SignedUpAsync(host);
        var userId = await host.WithDatabaseAsync(db => db.Users.Where(u => u.Email == person.Email).Select(u => u.Id).SingleAsync());
        var envelopes = host.Services.GetRequiredService<Envelopes>();
        var records = new byte[count][];
        for (var i = 0; i < count; i++)
        {
            keys._ids[i] = Guid.CreateVersion7();
        }

        await Parallel.ForAsync(0, count, async (i, token) =>
        {
            using var secret = Secret.FromText(keys.TextOf(i));
            records[i] = await envelopes.SealAsync(secret, UpstreamKeys.BindingOf(userId, keys._ids[i], 1, "openai"), token);
        });

        await host.WithDatabaseAsync(async db =>
        {
            foreach (var some in Enumerable.Range(0, count).Chunk(1_000))
            {
                db.UpstreamKeys.AddRange(some.Select(i => new UpstreamKey
                {
                    Id = keys._ids[i],
                    UserId = userId,
                    UpstreamId = "openai",
                    Label = "Seeded",
                    LastFour = "",
                    Envelope = records[i],
                    KekId = Envelopes.KekIdOf(records[i]),
                    Status = KeyStatus.Working,
                    CreatedAt = DateTime.UnixEpoch,
                }));
                await db.SaveChangesAsync();
                db.ChangeTracker.Clear();
            }

            return count;
        });
        return keys;
    }

    /// <summary>How many open to the very secret that was sealed. Asked of the broker that runs, which has nothing of them in memory.</summary>
    public async Task<int> OpenAsync()
    {
        var envelopes = _host.Services.GetRequiredService<Envelopes>();
        var rows = await _host.WithDatabaseAsync(db => db.UpstreamKeys.AsNoTracking()
            .Where(k => k.Label == "Seeded").ToDictionaryAsync(k => k.Id));
        var opened = 0;
        await Parallel.ForAsync(0, _ids.Length, async (i, token) =>
        {
            var row = rows[_ids[i]];
            using var secret = await envelopes.OpenAsync(row.Envelope, UpstreamKeys.BindingOf(row.UserId, row.Id, row.Generation, row.UpstreamId), token);
            if (secret.RevealText() == TextOf(i))
            {
                Interlocked.Increment(ref opened);
            }
        });
        return opened;
    }

    private string TextOf(int i) => "sk-seeded-" + Convert.ToHexStringLower(HMACSHA256.HashData(_seed, BitConverter.GetBytes(i)));
}
