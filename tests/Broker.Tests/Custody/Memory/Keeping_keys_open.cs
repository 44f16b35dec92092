using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;
using TokenBroker.Storage;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody;

public sealed class Keeping_keys_open : IAsyncLifetime
{
    private const string Text = "sk-test-0123456789abcdef";
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
    private readonly FakeTimeProvider _clock = new(DateTimeOffset.UtcNow);
    private readonly Secret _recordKey = Secret.Random(32);
    private CountingVault _kek = null!;
    private ServiceProvider _services = null!;
    private Guid _keyId;

    private KeyUse Use => new(_keyId, Guid.Empty, null);

    private OpenKeys Keys => _services.GetRequiredService<OpenKeys>();

    public async ValueTask InitializeAsync()
    {
        _kek = new CountingVault(LocalFileVault.LoadOrCreate(Path.Combine(_directory, "vault.key")));
        _services = new ServiceCollection()
            .AddDbContext<BrokerDbContext>(o => o.UseSqlite(BareDatabase.ConnectionString(_directory)))
            .AddIdentityOptions()
            .Configure<OpenKeysOptions>(options => options.Uses = 1_000)
            .AddSingleton<TimeProvider>(_clock)
            .AddSingleton(new Vault([_kek], TimeSpan.FromSeconds(10), _clock))
            .AddSingleton(services => new Envelopes(services.GetRequiredService<Vault>(), _ => ValueTask.FromResult(_recordKey)))
            .AddScoped<UpstreamKeys>()
            .AddSingleton<OpenKeys>()
            .BuildServiceProvider();
        await using var scope = _services.CreateAsyncScope();
        var db = scope.ServiceProvider.GetRequiredService<BrokerDbContext>();
        await db.Database.EnsureCreatedAsync();
        using var secret = Secret.FromText(Text);
        var key = await scope.ServiceProvider.GetRequiredService<UpstreamKeys>()
            .SealAsync(Guid.NewGuid(), "openai", "Mine", secret, KeyStatus.Working, CancellationToken.None);
        db.UpstreamKeys.Add(key);
        await db.SaveChangesAsync();
        _keyId = key.Id;
    }

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public async Task Asks_the_vault_once_for_a_hundred_calls_at_one_time()
    {
        var gate = new TaskCompletionSource();
        _kek.Gate = gate.Task;
        var calls = Enumerable.Range(0, 100).Select(_ => Task.Run(async () => await Keys.RevealAsync(Use, CancellationToken.None))).ToList();
        await Task.Run(() => SpinWait.SpinUntil(() => _kek.Unwraps > 0, TimeSpan.FromSeconds(30)));

        gate.SetResult();

        (await Task.WhenAll(calls)).Should().OnlyContain(text => text == Text);
        _kek.Unwraps.Should().Be(1);
    }

    [Fact]
    public async Task One_caller_who_gives_up_does_not_spoil_it_for_the_rest()
    {
        var gate = new TaskCompletionSource();
        _kek.Gate = gate.Task;
        using var gone = new CancellationTokenSource();
        var first = Keys.RevealAsync(Use, gone.Token).AsTask();
        var second = Keys.RevealAsync(Use, CancellationToken.None).AsTask();

        await gone.CancelAsync();
        gate.SetResult();

        await first.Invoking(t => t).Should().ThrowAsync<OperationCanceledException>();
        (await second).Should().Be(Text);
        _kek.Unwraps.Should().Be(1);
    }

    [Fact]
    public async Task Asks_again_after_five_minutes_and_not_before()
    {
        (await RevealAsync()).Should().Be(Text);
        _clock.Advance(TimeSpan.FromMinutes(5));
        (await RevealAsync()).Should().Be(Text);
        _kek.Unwraps.Should().Be(1);

        _clock.Advance(TimeSpan.FromSeconds(1));

        (await RevealAsync()).Should().Be(Text);
        _kek.Unwraps.Should().Be(2);
    }

    [Fact]
    public async Task Asks_again_after_so_many_uses()
    {
        for (var i = 0; i < 1_000; i++)
        {
            await RevealAsync();
        }

        _kek.Unwraps.Should().Be(1);

        (await RevealAsync()).Should().Be(Text);

        _kek.Unwraps.Should().Be(2);
    }

    [Fact]
    public async Task Zeroes_what_was_open_under_a_grant_that_ended()
    {
        await RevealAsync();
        Keys.Count.Should().Be(1);

        Keys.DropOfGrant(Guid.NewGuid());
        Keys.Count.Should().Be(1);
        Keys.DropOfGrant(Guid.Empty);

        Keys.Count.Should().Be(0);
    }

    [Fact]
    public async Task Lets_go_of_what_nobody_asks_for_any_more()
    {
        await RevealAsync();
        _clock.Advance(TimeSpan.FromMinutes(6));
        Keys.DropOld();

        await RevealAsync();

        _kek.Unwraps.Should().Be(2);
    }

    [Fact]
    public async Task Knows_nothing_of_a_key_that_was_deleted()
    {
        await RevealAsync();
        await DeleteRowAsync();

        Keys.Drop(_keyId);

        (await RevealAsync()).Should().BeNull();
        (await RevealAsync()).Should().BeNull("its absence is not remembered as a key either");
    }

    [Fact]
    public async Task Forgets_a_key_that_is_deleted_while_it_is_opened()
    {
        var gate = new TaskCompletionSource();
        _kek.Gate = gate.Task;
        var opening = RevealAsync();
        await Task.Run(() => SpinWait.SpinUntil(() => _kek.Unwraps > 0, TimeSpan.FromSeconds(30)));
        await DeleteRowAsync();

        Keys.Drop(_keyId);
        gate.SetResult();

        (await opening).Should().BeOneOf(Text, null);
        (await RevealAsync()).Should().BeNull();
    }

    [Fact]
    public async Task Does_not_remember_a_failure()
    {
        _kek.Failure = new HttpRequestException("The vault is away.");
        for (var i = 0; i < 2; i++)
        {
            await FluentActions.Awaiting(RevealAsync).Should().ThrowAsync<VaultUnavailableException>();
            _clock.Advance(TimeSpan.FromSeconds(30));
        }

        _kek.Failure = null;

        (await RevealAsync()).Should().Be(Text);
        _kek.Unwraps.Should().Be(3);
    }

    [Fact]
    public async Task Does_not_open_a_row_that_was_moved_to_another_user()
    {
        await using (var scope = _services.CreateAsyncScope())
        {
            var other = Guid.NewGuid();
            await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().UpstreamKeys
                .ExecuteUpdateAsync(set => set.SetProperty(k => k.UserId, other));
        }

        await FluentActions.Awaiting(RevealAsync).Should().ThrowAsync<System.Security.Cryptography.CryptographicException>();
    }

    private Task<string?> RevealAsync() => Keys.RevealAsync(Use, CancellationToken.None).AsTask();

    private async Task DeleteRowAsync()
    {
        await using var scope = _services.CreateAsyncScope();
        await scope.ServiceProvider.GetRequiredService<BrokerDbContext>().UpstreamKeys.ExecuteDeleteAsync();
    }
}
