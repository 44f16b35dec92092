using System.Net;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody;
using TokenBroker.Custody.Rewrapping;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;
using TokenBroker.Operations.Vaults;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

/// <summary>vault status, rotate, rewrap and retire, as an operator runs them beside a broker that serves.</summary>
[Trait("Checklist", "16")]
[Trait("Checklist", "16")]
public sealed class Turning_the_vaults_key
{
    private static readonly string[] Kinds = ["upstream keys", "carried keys", "custody secrets", "data protection keys", "server keys"];

    [Fact]
    public async Task Takes_every_kind_of_record_along()
    {
        await using var broker = await BrokerHost.StartAsync();
        using var connected = await Connected.AsAsync(broker);
        using var carrier = Secret.Random(32);
        var (carried, upload) = await StoreOtherKindsAsync(broker, connected.GrantId, carrier);

        var rotated = await JsonOfAsync(broker, 0, "vault", "rotate", "--json");
        var (now, before) = (rotated.GetProperty("version").GetString()!, rotated.GetProperty("previous").GetString()!);
        using (var text = await RunAsync(broker, "vault", "status"))
        {
            text.ExitCode.Should().Be(0, text.Error);
            text.Output.Should().Contain($"{now}  current  wraps nothing").And.Contain($"{before}  old").And.Contain("1 upstream keys").And.Contain("data keys unwrap");
        }

        foreach (var (refused, why) in ((string, string)[])[(before, "still wraps"), (now, "is the current version"), ("local-file:0", "No configured vault has")])
        {
            using var retire = await RunAsync(broker, "vault", "retire", refused, "--yes");
            retire.ExitCode.Should().Be(1);
            retire.Error.Should().Contain(why).And.NotContain("   at ");
        }

        (await JsonOfAsync(broker, 0, "vault", "rewrap", "--json")).GetProperty("left_records").GetInt64().Should().Be(0);
        var status = await JsonOfAsync(broker, 0, "vault", "status", "--json");
        RecordsUnder(status, now).Should().BeEquivalentTo(Kinds);
        RecordsUnder(status, before).Should().BeEmpty();

        // The old version goes without a word to anybody, and everything opens by the new one alone.
        await broker.StopBrokerAsync();
        var file = Path.Combine(broker.DataDirectory, "vault.key");
        await File.WriteAllLinesAsync(file, (await File.ReadAllLinesAsync(file))[1..]);
        await broker.StartBrokerAsync();
        using var answer = await connected.Api.ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK);
        (await connected.Person.PageAsync("/keys")).QuerySelector("h1").Should().NotBeNull("the cookie's own key opens");
        var envelopes = broker.Services.GetRequiredService<Envelopes>();
        var (carriedRow, uploadRow) = await broker.WithDatabaseAsync(async db => (await db.CarriedKeys.SingleAsync(), await db.CustodySecrets.SingleAsync(s => s.Id == upload)));
        using var key = await envelopes.OpenAsync(carriedRow.Envelope, CarriedBinding(connected.GrantId, carried), CancellationToken.None, carrier);
        key.RevealText().Should().Be("sk-carried");
        using var pair = await envelopes.OpenAsync(uploadRow.Envelope, UploadBinding(upload), CancellationToken.None);
        pair.RevealText().Should().Be("upload key");
        var without = () => envelopes.OpenAsync(carriedRow.Envelope, CarriedBinding(connected.GrantId, carried), CancellationToken.None);
        await without.Should().ThrowAsync<System.Security.Cryptography.CryptographicException>();
    }

    [Fact]
    public async Task Shows_what_cannot_be_opened_and_never_what_it_is()
    {
        await using var broker = await BrokerHost.StartAsync();
        var secret = BrokerHost.NewKey();
        using var person = await Person.WithKeyAsync(broker, secret);
        var id = await broker.WithDatabaseAsync(async db =>
        {
            var row = await db.UpstreamKeys.SingleAsync();
            var damaged = row.Envelope.ToArray();
            damaged[7 + row.KekId.Length + 10] ^= 1;
            row.Envelope = damaged;
            await db.SaveChangesAsync();
            return row.Id;
        });

        using var text = await RunAsync(broker, "vault", "status");
        var json = await JsonOfAsync(broker, 1, "vault", "status", "--json");
        var counts = await JsonOfAsync(broker, 0, "vault", "status", "--counts", "--json");

        text.ExitCode.Should().Be(1);
        text.Output.Should().Contain("cannot be opened").And.Contain(id.ToString()).And.NotContain(secret);
        var trouble = json.GetProperty("cannot_be_opened").EnumerateArray().Should().ContainSingle().Which;
        trouble.GetProperty("id").GetString().Should().Be(id.ToString());
        trouble.GetProperty("kind").GetString().Should().Be("upstream keys");
        counts.GetProperty("cannot_be_opened").ValueKind.Should().Be(JsonValueKind.Null, "nothing was tried");
    }

    [Fact]
    public async Task Makes_no_key_file_where_it_is_missing()
    {
        await using var broker = await BrokerHost.StartAsync();
        var elsewhere = Path.Combine(broker.DataDirectory, "missing.key");

        using var status = await RunAsync(broker, "vault", "status", $"--Vault:LocalFilePath={elsewhere}");

        status.ExitCode.Should().Be(1);
        status.Error.Should().Contain("missing.key is missing");
        File.Exists(elsewhere).Should().BeFalse();
    }

    [Fact]
    public async Task Is_noticed_by_a_running_broker_within_half_a_minute()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var connected = await Connected.AsAsync(broker);
        using var other = LocalFileVault.LoadOrCreate(Path.Combine(broker.DataDirectory, "vault.key"));
        var made = await other.RotateAsync(CancellationToken.None);

        clock.Advance(Vault.NoticesRotationWithin + TimeSpan.FromSeconds(1));
        using var person = await Person.WithKeyAsync(broker);

        (await broker.WithDatabaseAsync(db => db.UpstreamKeys.OrderBy(k => k.Id).Select(k => k.KekId).ToListAsync())).Should().HaveCount(2).And.ContainSingle(id => id == made);
        using var answer = await connected.Api.ChatAsync();
        answer.StatusCode.Should().Be(HttpStatusCode.OK, "what is under the old version goes on");
    }

    [Fact]
    public async Task Retires_only_once_nothing_can_come_under_the_old_version_any_more()
    {
        var clock = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var broker = await BrokerHost.StartAsync(clock: clock);
        using var person = await Person.WithKeyAsync(broker);
        var old = await broker.WithDatabaseAsync(db => db.UpstreamKeys.AsNoTracking().SingleAsync());
        var vault = broker.Services.GetRequiredService<Vault>();
        await vault.Main.RotateAsync(CancellationToken.None);
        await AdvanceUntilAsync(clock, broker.Services.GetRequiredService<Rewrap>().RunAsync(_ => { }, CancellationToken.None));

        // A broker that has not noticed stores a record under it while the command waits.
        var late = async () => await AdvanceUntilAsync(clock, RetireAsync(broker, old.KekId, () => PutAsync(broker, old)));
        (await late.Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain("1 upstream keys");
        (await vault.Main.VersionsAsync(CancellationToken.None)).Should().HaveCount(2);

        await AdvanceUntilAsync(clock, broker.Services.GetRequiredService<Rewrap>().RunAsync(_ => { }, CancellationToken.None));
        var began = clock.GetUtcNow();
        await AdvanceUntilAsync(clock, RetireAsync(broker, old.KekId, () => Task.CompletedTask));
        (clock.GetUtcNow() - began).Should().BeGreaterThanOrEqualTo(RetireKek.SettlesWithin, "nobody knows when it was rotated");
        (await vault.Main.VersionsAsync(CancellationToken.None)).Should().ContainSingle().Which.KeyId.Should().NotBe(old.KekId);
    }

    private static async Task RetireAsync(BrokerHost broker, string kekId, Func<Task> meanwhile)
    {
        var change = (Task?)null;
        await using var scope = broker.Services.CreateAsyncScope();
        await ActivatorUtilities.CreateInstance<RetireKek>(scope.ServiceProvider).RunAsync(kekId, (_, _) => change ??= meanwhile(), CancellationToken.None);
        await change!;
    }

    private static Task<int> PutAsync(BrokerHost broker, UpstreamKey old) => broker.WithDatabaseAsync(db => db.UpstreamKeys
        .Where(k => k.Id == old.Id)
        .ExecuteUpdateAsync(set => set.SetProperty(k => k.Envelope, old.Envelope).SetProperty(k => k.KekId, old.KekId)));

    private static async Task AdvanceUntilAsync(FakeTimeProvider clock, Task work)
    {
        while (!work.IsCompleted)
        {
            clock.Advance(TimeSpan.FromMilliseconds(500));
            await Task.Delay(5);
        }

        await work;
    }

    private static async Task<(Guid Carried, Guid Upload)> StoreOtherKindsAsync(BrokerHost broker, Guid grantId, Secret carrier)
    {
        var envelopes = broker.Services.GetRequiredService<Envelopes>();
        var (carried, upload) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        using var key = Secret.FromText("sk-carried");
        var carriedEnvelope = await envelopes.SealAsync(key, CarriedBinding(grantId, carried), CancellationToken.None, carrier);
        using var pair = Secret.FromText("upload key");
        var uploadEnvelope = await envelopes.SealAsync(pair, UploadBinding(upload), CancellationToken.None);
        await broker.WithDatabaseAsync(db =>
        {
            var later = DateTime.UnixEpoch.AddYears(200);
            db.CarriedKeys.Add(new CarriedKey { Id = carried, GrantId = grantId, Envelope = carriedEnvelope, KekId = Envelopes.KekIdOf(carriedEnvelope), ExpiresAt = later });
            db.CustodySecrets.Add(new CustodySecret { Id = upload, Purpose = "upload", Envelope = uploadEnvelope, KekId = Envelopes.KekIdOf(uploadEnvelope), CreatedAt = DateTime.UnixEpoch, ExpiresAt = later });
            return db.SaveChangesAsync();
        });
        return (carried, upload);
    }

    private static EnvelopeBinding CarriedBinding(Guid grantId, Guid id) => new("grant:" + grantId.ToString("N"), id.ToString("N"), "carried");

    private static EnvelopeBinding UploadBinding(Guid id) => new("broker", id.ToString("N"), "upload");

    private static IEnumerable<string> RecordsUnder(JsonElement status, string kekId) => status.GetProperty("vaults").EnumerateArray()
        .SelectMany(vault => vault.GetProperty("versions").EnumerateArray())
        .Single(version => version.GetProperty("id").GetString() == kekId)
        .GetProperty("records").EnumerateObject().Select(kind => kind.Name);

    private static Task<BrokerProcess> RunAsync(BrokerHost broker, params string[] arguments) =>
        BrokerProcess.RunAsync("Development", [.. arguments, .. broker.DataArguments()]);

    private static async Task<JsonElement> JsonOfAsync(BrokerHost broker, int exitCode, params string[] arguments)
    {
        using var process = await RunAsync(broker, arguments);
        process.ExitCode.Should().Be(exitCode, process.Error + process.Output);
        return JsonSerializer.Deserialize<JsonElement>(process.Output);
    }
}
