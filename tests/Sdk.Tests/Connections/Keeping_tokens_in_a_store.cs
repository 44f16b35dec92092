using System.Text;
using Microsoft.Extensions.Caching.Distributed;
using Microsoft.Extensions.Caching.Memory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using TokenBroker.Sdk;
using TokenBroker.Tests.Apps;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Connections;

public sealed class Keeping_tokens_in_a_store(SharedBroker shared, ClockedBroker clocked) : IClassFixture<ClockedBroker>
{
    private BrokerHost Broker => shared.Host;

    [Fact]
    public async Task Gives_it_sealed_bytes_under_a_name_that_tells_nothing()
    {
        var store = new SeenStore();
        await using var app = await AppHost.StartAsync(Broker, new AppSettings { Services = services => services.AddSingleton<ITokenStore>(store) });

        using var person = await app.ConnectedPersonAsync("ada@example.com");

        store.Entries.Should().ContainSingle();
        var (id, bytes) = store.Entries.Single();
        id.Should().MatchRegex("^[0-9a-f]{64}$");
        foreach (var text in new[] { Encoding.Latin1.GetString(bytes), Encoding.UTF8.GetString(bytes), Encoding.Unicode.GetString(bytes) })
        {
            app.Traffic.Secrets.Should().NotContain(secret => text.Contains(secret, StringComparison.Ordinal));
            text.Should().NotContain("openai:chat").And.NotContain("ada@example.com");
        }
    }

    [Fact]
    public async Task Does_not_open_what_was_copied_to_another_connection()
    {
        var store = new SeenStore();
        await using var app = await AppHost.StartAsync(Broker, new AppSettings { Services = services => services.AddSingleton<ITokenStore>(store) });
        using var ada = await app.ConnectedPersonAsync("ada");
        var adas = store.Entries.Single();
        using var bob = await app.ConnectedPersonAsync("bob");
        var bobs = store.Entries.Keys.Single(id => id != adas.Key);

        store.Entries[bobs] = adas.Value;

        (await app.Of("bob").IsConnectedAsync()).Should().BeFalse();
        (await app.Of("ada").IsConnectedAsync()).Should().BeTrue();
    }

    [Fact]
    public async Task Takes_spoilt_bytes_for_not_connected()
    {
        var store = new SeenStore();
        await using var app = await AppHost.StartAsync(Broker, new AppSettings { Services = services => services.AddSingleton<ITokenStore>(store) });
        using var person = await app.ConnectedPersonAsync("ada");
        var (id, bytes) = store.Entries.Single();

        foreach (var spoilt in new[] { [], [1, 2, 3], bytes[..^1], [.. bytes[..^1], (byte)(bytes[^1] ^ 1)] })
        {
            store.Entries[id] = spoilt;
            (await app.Of("ada").IsConnectedAsync()).Should().BeFalse();
        }
    }

    [Fact]
    public async Task Lets_a_second_node_with_the_same_cache_and_keys_go_on()
    {
        var cache = new Cache(TimeProvider.System);
        var settings = new AppSettings { Services = services => UseCache(services, cache) };
        await using var one = await AppHost.StartAsync(Broker, settings);
        await using var two = await AppHost.StartAsync(Broker, settings);
        using var person = await one.ConnectedPersonAsync("ada");

        (await two.Of("ada").IsConnectedAsync()).Should().BeTrue();
        (await two.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello")).Value.Content.Should().NotBeEmpty();

        await two.Of("ada").DisconnectAsync();
        (await one.Of("ada").IsConnectedAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Shows_a_second_node_the_rotated_token()
    {
        var (broker, clock) = (clocked.Host, clocked.Clock);
        var cache = new Cache(clock);
        var settings = new AppSettings { Services = services => UseCache(services, cache), Clock = clock };
        await using var one = await AppHost.StartAsync(broker, settings);
        await using var two = await AppHost.StartAsync(broker, settings);
        using var person = await one.ConnectedPersonAsync("ada");
        clock.Advance(TimeSpan.FromMinutes(29));
        var rotated = await one.Of("ada").GetAccessTokenAsync();
        clock.Advance(TimeSpan.FromMinutes(5));

        (await two.Of("ada").GetAccessTokenAsync()).Should().Be(rotated);

        two.Traffic.To("/connect/token").Should().BeEmpty("the first node has refreshed already");
    }

    [Fact]
    public async Task Keeps_two_nodes_that_refresh_at_once_on_one_grant()
    {
        var (broker, clock) = (clocked.Host, clocked.Clock);
        var cache = new Cache(clock);
        var settings = new AppSettings { Services = services => UseCache(services, cache), Clock = clock };
        await using var one = await AppHost.StartAsync(broker, settings);
        await using var two = await AppHost.StartAsync(broker, settings);
        using var person = await one.ConnectedPersonAsync("ada");
        clock.Advance(TimeSpan.FromMinutes(29));

        var tokens = await Task.WhenAll(Enumerable.Range(0, 10).Select(i => Task.Run(() => (i % 2 == 0 ? one : two).Of("ada").GetAccessTokenAsync())));

        tokens.Distinct().Should().ContainSingle("the broker gives a retried refresh the same successor");
        clock.Advance(TimeSpan.FromMinutes(29));
        (await two.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello")).Value.Content.Should().NotBeEmpty();
    }

    [Fact]
    public async Task In_memory_alone_means_to_connect_again_after_a_restart_of_the_app()
    {
        var settings = new AppSettings();
        await using (var before = await AppHost.StartAsync(Broker, settings))
        {
            using var person = await before.ConnectedPersonAsync("ada");
        }

        await using var after = await AppHost.StartAsync(Broker, settings);

        (await after.Of("ada").IsConnectedAsync()).Should().BeFalse();
    }

    [Fact]
    public async Task Of_a_cache_that_fails_tells_the_caller()
    {
        await using var app = await AppHost.StartAsync(Broker, new AppSettings { Services = services => services.AddSingleton<ITokenStore, BrokenStore>() });

        var call = () => app.Of("ada").CreateChatClient("gpt-4o-mini").CompleteChatAsync("Hello");

        await call.Should().ThrowAsync<TimeoutException>();
    }

    private static void UseCache(IServiceCollection services, Cache cache)
    {
        services.AddSingleton<IDistributedCache>(cache);
        services.AddSingleton<ITokenStore, DistributedCacheTokenStore>();
    }

    /// <summary>The framework's cache on the test's clock.</summary>
    private sealed class Cache(TimeProvider time) : MemoryDistributedCache(Options.Create(new MemoryDistributedCacheOptions { Clock = new CacheClock(time) }));

    private sealed class CacheClock(TimeProvider time) : Microsoft.Extensions.Internal.ISystemClock
    {
        public DateTimeOffset UtcNow => time.GetUtcNow();
    }

    /// <summary>A store of an app's own, which shows what it was given.</summary>
    private sealed class SeenStore : ITokenStore
    {
        public Dictionary<string, byte[]> Entries { get; } = [];

        public ValueTask<byte[]?> GetAsync(string connectionId, CancellationToken cancellationToken) => new(Entries.GetValueOrDefault(connectionId));

        public ValueTask SetAsync(string connectionId, byte[] sealedTokens, DateTimeOffset expiresAt, CancellationToken cancellationToken)
        {
            Entries[connectionId] = sealedTokens;
            return ValueTask.CompletedTask;
        }

        public ValueTask RemoveAsync(string connectionId, CancellationToken cancellationToken)
        {
            Entries.Remove(connectionId);
            return ValueTask.CompletedTask;
        }
    }

    private sealed class BrokenStore : ITokenStore
    {
        public ValueTask<byte[]?> GetAsync(string connectionId, CancellationToken cancellationToken) => throw new TimeoutException();

        public ValueTask SetAsync(string connectionId, byte[] sealedTokens, DateTimeOffset expiresAt, CancellationToken cancellationToken) => throw new TimeoutException();

        public ValueTask RemoveAsync(string connectionId, CancellationToken cancellationToken) => throw new TimeoutException();
    }
}
