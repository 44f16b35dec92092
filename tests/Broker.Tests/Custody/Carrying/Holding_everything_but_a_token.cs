using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Custody;
using TokenBroker.Tests.Authorization.Exchange;
using TokenBroker.Tests.Custody.Canary;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Carrying;

/// <summary>
/// The thief of everything: the data directory with the database and the vault's key file, and the configuration. They
/// start a broker of their own on it, whose services open whatever can be opened. A key that is never stored stays shut.
/// </summary>
[Trait("Checklist", "14")]
public sealed class Holding_everything_but_a_token
{
    private static readonly Dictionary<string, string> Everything = Evidence.LogEverything;

    /// <summary>What Data Protection keys the payloads with that are stored.</summary>
    private static readonly string[][] Formats =
    [
        ["OpenIdConnectServerHandler", "AuthorizationCodeFormat", "UseReferenceTokens", "ASOS"],
        ["OpenIdConnectServerHandler", "RequestTokenFormat", "UseReferenceTokens", "ASOS"],
    ];

    [Fact]
    public async Task Opens_the_stored_key_and_not_the_carried_one()
    {
        using var world = await World.MakeAsync();
        await using var thief = await world.StealAsync();
        await using var scope = thief.Services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<TokenBroker.Storage.BrokerDbContext>();
        var envelopes = scope.ServiceProvider.GetRequiredService<Envelopes>();

        // They are no fool: what the broker could open by itself, they can.
        var stored = await db.UpstreamKeys.SingleAsync();
        using var opened = await scope.ServiceProvider.GetRequiredService<UpstreamKeys>().OpenAsync(stored.Id, CancellationToken.None);
        opened!.RevealText().Should().Be(world.StoredKey);

        var rows = await db.CarriedKeys.AsNoTracking().ToListAsync();
        rows.Should().HaveCountGreaterThanOrEqualTo(2);
        var guesses = await CandidatesAsync(db, thief);
        foreach (var row in rows)
        {
            var binding = CarriedKeys.BindingOf(row.GrantId, row.Id);
            await FluentActions.Awaiting(() => envelopes.OpenAsync(row.Envelope, binding, CancellationToken.None)).Should().ThrowAsync<CryptographicException>();
            foreach (var guess in guesses)
            {
                using var carrier = new TokenBroker.Custody.Secret(guess);
                await FluentActions.Awaiting(() => envelopes.OpenAsync(row.Envelope, binding, CancellationToken.None, carrier)).Should().ThrowAsync<CryptographicException>();
            }
        }

        // With one live token it opens: the test above tried the right door.
        var token = await Carried.CarrierOfAsync(thief, world.Tokens.AccessToken);
        using var withToken = await scope.ServiceProvider.GetRequiredService<CarriedKeys>().OpenAsync(token, CancellationToken.None);
        withToken!.RevealText().Should().Be(world.CarriedKey);
    }

    [Fact]
    public async Task Finds_neither_the_key_nor_a_carrier_in_any_file_or_log()
    {
        using var world = await World.MakeAsync();
        using var evidence = new Evidence();
        foreach (var (name, bytes) in world.Files)
        {
            evidence.Keep(name, bytes);
        }

        evidence.Keep("log", string.Join('\n', world.Log));
        evidence.HitsOf(new KeySearch(world.CarriedKey)).Should().BeEmpty();
        evidence.HitsOf(new KeySearch(world.StoredKey)).Should().BeEmpty();
        foreach (var carrier in world.Carriers)
        {
            foreach (var form in FormsOf(carrier))
            {
                foreach (var (name, bytes) in world.Files.Append(("log", Encoding.UTF8.GetBytes(string.Join('\n', world.Log)))))
                {
                    bytes.AsSpan().IndexOf(form).Should().Be(-1, $"a carrier is in no token but its own, and {name} is none");
                }
            }
        }
    }

    [Fact]
    public async Task Finds_no_carrier_in_the_payloads_that_are_stored()
    {
        using var world = await World.MakeAsync();
        await using var thief = await world.StealAsync();
        var payloads = await thief.WithDatabaseAsync(db => db.Tokens.AsNoTracking().Where(t => t.Payload != null).Select(t => t.Payload!).ToListAsync());
        var keys = thief.Services.GetRequiredService<IDataProtectionProvider>();

        payloads.Should().HaveCountGreaterThanOrEqualTo(2, "codes are kept until they are redeemed, and pushed requests");
        foreach (var payload in payloads)
        {
            var opened = Formats.Select(purposes => Unprotect(keys, purposes, payload)).OfType<byte[]>().Single();

            Encoding.UTF8.GetString(opened).Should().NotContain("carrier").And.Contain("openai:chat", "the payload was truly opened");
        }
    }

    /// <summary>Every 32 bytes in a row that a thief might take for a carrier: columns, opened secrets, and what Data Protection gives back.</summary>
    private static async Task<List<byte[]>> CandidatesAsync(TokenBroker.Storage.BrokerDbContext db, BrokerHost thief)
    {
        var guesses = new List<byte[]>();
        foreach (var token in await db.Tokens.AsNoTracking().ToListAsync())
        {
            guesses.Add(SHA256.HashData(Encoding.UTF8.GetBytes(token.ReferenceId ?? token.Id.ToString())));
            if (token.SealedSuccessor is { Length: > 60 } successor)
            {
                guesses.Add(successor[12..44]);
                guesses.Add(successor[^48..^16]);
            }
        }

        guesses.Add(SHA256.HashData(await File.ReadAllBytesAsync(Path.Combine(thief.DataDirectory, "vault.key"))));
        guesses.Add(Convert.FromBase64String((await File.ReadAllTextAsync(Path.Combine(thief.DataDirectory, "vault.key"))).Trim()));
        guesses.Add((await thief.Services.GetRequiredService<RecordKey>().GetAsync(CancellationToken.None)).Reveal(bytes => bytes.ToArray()));
        guesses.Add(new byte[32]);
        return guesses;
    }

    private static byte[]? Unprotect(IDataProtectionProvider keys, string[] purposes, string payload)
    {
        try
        {
            return keys.CreateProtector(purposes).Unprotect(Base64Url.DecodeFromChars(payload));
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    private static IEnumerable<byte[]> FormsOf(Carrier carrier)
    {
        var secret = carrier.Secret.Reveal(bytes => bytes.ToArray());
        yield return secret;
        yield return Encoding.ASCII.GetBytes(Convert.ToHexString(secret));
        yield return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(secret));
        yield return Encoding.ASCII.GetBytes(Convert.ToBase64String(secret)[..40]);
        yield return Encoding.ASCII.GetBytes(carrier.ForToken()[24..60]);
    }

    /// <summary>A person with a stored key and a carried one, whose app refreshed, pushed and exchanged; then copied.</summary>
    private sealed class World : IDisposable
    {
        private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-stolen-").FullName;

        public required string StoredKey { get; init; }

        public required string CarriedKey { get; init; }

        public required Tokens Tokens { get; set; }

        public List<Carrier> Carriers { get; } = [];

        public IReadOnlyList<string> Log { get; private set; } = [];

        public IReadOnlyList<(string Name, byte[] Bytes)> Files { get; private set; } = [];

        public static async Task<World> MakeAsync()
        {
            await using var broker = await BrokerHost.StartAsync(Everything);
            var stored = KeySearch.NewKey("stored");
            using var carried = await Carried.ConnectAsync(broker, key: KeySearch.NewKey("carried"));
            (await carried.Person.AddKeyAsync(stored)).Should().BeNull();
            var world = new World { StoredKey = stored, CarriedKey = carried.Key, Tokens = carried.Tokens };
            world.Carriers.Add(await Carried.CarrierOfAsync(broker, carried.Tokens.AccessToken));
            using var refreshed = await carried.App.RefreshAsync(carried.Tokens.RefreshToken);
            world.Tokens = await OAuthApp.ReadAsync(refreshed);
            world.Carriers.Add(await Carried.CarrierOfAsync(broker, world.Tokens.AccessToken));
            using (var call = await new Api(broker, world.Tokens.AccessToken).ChatAsync())
            {
                call.IsSuccessStatusCode.Should().BeTrue();
            }

            using var delegating = await DelegatingApp.ConnectAsync(broker, neverStored: carried.Key);
            world.Carriers.Add(await Carried.CarrierOfAsync(broker, (await delegating.ChildAsync()).AccessToken));
            using (var pushed = await carried.App.PostAsync("/connect/par", new()
            {
                ["response_type"] = "code",
                ["redirect_uri"] = BrokerHost.RedirectUri,
                ["scope"] = OAuthApp.DefaultScope,
                ["code_challenge"] = carried.App.Challenge,
                ["code_challenge_method"] = "S256",
            }))
            {
                pushed.IsSuccessStatusCode.Should().BeTrue(await pushed.Content.ReadAsStringAsync());
            }

            await broker.StopBrokerAsync();
            foreach (var file in Directory.GetFiles(broker.DataDirectory))
            {
                File.Copy(file, Path.Combine(world._directory, Path.GetFileName(file)));
            }

            await PostgreSqlServer.CopyAsync(broker, world._directory);
            world.Files = await DataFiles.AllOfAsync(broker);
            world.Log = [.. broker.Log.Lines];
            return world;
        }

        public Task<BrokerHost> StealAsync() => BrokerHost.StartAsync(Everything, dataDirectory: _directory);

        public void Dispose() => Directory.Delete(_directory, recursive: true);
    }
}
