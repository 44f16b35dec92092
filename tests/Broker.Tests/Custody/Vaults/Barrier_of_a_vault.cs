using System.Security.Cryptography;
using System.Text;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;

namespace TokenBroker.Tests.Custody.Vaults;

/// <summary>
/// What must hold for every kind of vault: a record opens to what was sealed, for its owner, under the version that
/// wrapped it, and in no other way. A kind derives this class and says how one of its vaults is made.
/// </summary>
[Trait("Checklist", "13")]
public abstract class Barrier_of_a_vault : IAsyncLifetime
{
    private static readonly EnvelopeBinding Binding = new("user-1", "key-1", "openai");
    private readonly Secret _recordKey = Secret.Random(32);
    private IKeyVault _keyVault = null!;
    private Vault _vault = null!;
    private Envelopes _envelopes = null!;

    /// <summary>The kind that it must say it is.</summary>
    private protected abstract string Kind { get; }

    /// <summary>Whether each of a byte's eight bits is flipped by itself, or, where an unwrap is a call over a network, one of them.</summary>
    private protected virtual bool FlipsEveryBit => false;

    /// <summary>A working vault of the kind, whose key has one version. It is disposed of by the suite, where it can be.</summary>
    private protected abstract Task<IKeyVault> NewVaultAsync();

    /// <summary>Ends what <see cref="NewVaultAsync"/> started beside the vault.</summary>
    private protected virtual ValueTask EndAsync() => ValueTask.CompletedTask;

    public async ValueTask InitializeAsync()
    {
        _keyVault = await NewVaultAsync();
        _vault = new Vault([_keyVault], TimeSpan.FromSeconds(30), TimeProvider.System);
        _envelopes = new Envelopes(_vault, _ => ValueTask.FromResult(_recordKey));
    }

    public async ValueTask DisposeAsync()
    {
        _vault.Dispose();
        _recordKey.Dispose();
        await EndAsync();
    }

    [Theory]
    [InlineData("sk-test-0123456789abcdef")]
    [InlineData("")]
    [InlineData("ключ")]
    public async Task Opens_to_what_was_sealed(string text)
    {
        var record = await SealAsync(text);

        (await OpenAsync(record)).Should().Be(text);
    }

    [Fact]
    public async Task Passes_the_check_at_start()
    {
        await _vault.CheckAsync(CancellationToken.None);

        _keyVault.Kind.Should().Be(Kind);
    }

    [Fact]
    public async Task Opens_nothing_of_which_a_byte_was_flipped()
    {
        var record = await SealAsync();
        for (var i = 0; i < record.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                if (FlipsEveryBit || bit == i % 8)
                {
                    var changed = record.ToArray();
                    changed[i] ^= (byte)(1 << bit);
                    await FailsAsync(changed, Binding, $"bit {bit} of byte {i} of {record.Length} was flipped");
                }
            }
        }

        (await OpenAsync(record)).Should().NotBeEmpty("all of that was refused for what it was, not because nothing opens any more");
    }

    [Fact]
    public async Task Opens_nothing_whose_tag_was_cut()
    {
        var record = await SealAsync();
        for (var length = record.Length - EnvelopeFormat.TagSize; length < record.Length; length++)
        {
            await FailsAsync(record[..length], Binding, $"only {length} of {record.Length} bytes are left");
        }

        await FailsAsync([.. record, 0], Binding, "a byte was added");
        (await OpenAsync(record)).Should().NotBeEmpty();
    }

    [Fact]
    public async Task Opens_nothing_that_was_cut_anywhere()
    {
        var record = await SealAsync();
        for (var length = 0; length < record.Length; length += 7)
        {
            await FailsAsync(record[..length], Binding, $"only {length} of {record.Length} bytes are left");
        }
    }

    [Fact]
    public async Task Opens_nothing_that_was_moved_to_another_owner()
    {
        var record = await SealAsync();
        EnvelopeBinding[] others =
        [
            Binding with { Owner = "user-2" },
            Binding with { RecordId = "key-2" },
            Binding with { Purpose = "other" },
            new("user-1key-1", "", "openai"),
            new("key-1", "user-1", "openai"),
            new("", "", ""),
        ];

        foreach (var other in others)
        {
            await FailsAsync(record, other, $"it belongs to {other}");
        }

        (await OpenAsync(record)).Should().NotBeEmpty();
    }

    [Fact]
    public async Task Opens_nothing_whose_format_was_rolled_back()
    {
        var record = await SealAsync();
        for (var version = 0; version <= byte.MaxValue; version++)
        {
            if (version != EnvelopeFormat.Newest)
            {
                var changed = record.ToArray();
                changed[3] = (byte)version;
                await FailsAsync(changed, Binding, $"its format is {version}");
            }
        }

        (await OpenAsync(record)).Should().NotBeEmpty();
    }

    [Fact]
    public async Task Opens_under_no_other_version_of_its_key()
    {
        var record = await SealAsync();
        var next = await RotateAsync();
        var later = await SealAsync();

        await FailsAsync(Renamed(record, next), Binding, "another version wrapped it");
        await FailsAsync(Renamed(later, Envelopes.KekIdOf(record)), Binding, "another version wrapped it");

        Envelopes.KekIdOf(later).Should().Be(next).And.NotBe(Envelopes.KekIdOf(record));
        (await OpenAsync(record)).Should().NotBeEmpty("its own version is still there");
        (await OpenAsync(later)).Should().NotBeEmpty();
    }

    [Fact]
    public async Task Opens_with_no_other_records_data_key()
    {
        var record = await SealAsync();
        var other = EnvelopeFormat.Read(await SealAsync()).Wrapped;

        await FailsAsync(EnvelopeFormat.Read(record).WithWrappedKey(other), Binding, "that data key unwraps, and sealed another record");
    }

    [Fact]
    public async Task Opens_without_its_record_key_nothing()
    {
        var record = await SealAsync();
        using var another = Secret.Random(32);
        var elsewhere = new Envelopes(_vault, _ => ValueTask.FromResult(another));

        var open = () => elsewhere.OpenAsync(record, Binding, CancellationToken.None);

        await open.Should().ThrowAsync<CryptographicException>();
    }

    [Fact]
    public async Task Seals_the_same_differently_each_time()
    {
        const string Text = "sk-test-the-very-same-secret";
        var first = await SealAsync(Text);
        var second = await SealAsync(Text);

        EnvelopeFormat.Read(first).Wrapped.Bytes.Should().NotEqual(EnvelopeFormat.Read(second).Wrapped.Bytes);
        first[^(Text.Length + 16 + 12 + 32)..].Zip(second[^(Text.Length + 16 + 12 + 32)..]).Count(pair => pair.First == pair.Second)
            .Should().BeLessThan(12, "commitment, nonce, ciphertext and tag are all fresh");
        first.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Text)).Should().Be(-1);
    }

    [Fact]
    public async Task Opens_after_a_rewrap_and_not_before_one_once_the_old_version_is_retired()
    {
        var record = await SealAsync();
        var old = Envelopes.KekIdOf(record);
        var next = await RotateAsync();

        var rewrapped = await _envelopes.RewrapAsync(record, Binding, CancellationToken.None);
        await _keyVault.RetireAsync(old, CancellationToken.None);
        _vault.Forget();

        Envelopes.KekIdOf(rewrapped).Should().Be(next);
        (await OpenAsync(rewrapped)).Should().Be("sk-test-0123456789abcdef");
        await FailsAsync(record, Binding, "its version is retired", whyeverNot: true);
        await FailsAsync(Renamed(record, next), Binding, "another version wrapped it");
        (await _keyVault.VersionsAsync(CancellationToken.None)).Where(v => v.IsEnabled).Should().ContainSingle()
            .Which.Should().Match<KekVersion>(v => v.KeyId == next && v.IsCurrent);
    }

    [Fact]
    public async Task Lists_its_versions_oldest_first_with_one_current()
    {
        var first = await _vault.CurrentKeyIdAsync(CancellationToken.None);
        var second = await RotateAsync();
        var third = await RotateAsync();

        var versions = await _keyVault.VersionsAsync(CancellationToken.None);

        versions.Select(v => v.KeyId).Should().Equal(first, second, third);
        versions.Select(v => v.IsCurrent).Should().Equal(false, false, true);
        versions.Should().OnlyContain(v => v.IsEnabled && _keyVault.Holds(v.KeyId));
        (await _vault.CurrentKeyIdAsync(CancellationToken.None)).Should().Be(third);
    }

    [Fact]
    public async Task Never_retires_the_current_version()
    {
        var current = await _vault.CurrentKeyIdAsync(CancellationToken.None);

        var retire = () => _keyVault.RetireAsync(current, CancellationToken.None);

        await retire.Should().ThrowAsync<InvalidOperationException>();
        await _vault.CheckAsync(CancellationToken.None);
    }

    [Fact]
    public async Task Holds_its_own_versions_and_nothing_elsewhere()
    {
        var current = await _vault.CurrentKeyIdAsync(CancellationToken.None);

        _keyVault.Holds(current).Should().BeTrue();
        _keyVault.Holds("elsewhere:" + current).Should().BeFalse();
        _keyVault.Holds("https://elsewhere.example/keys/broker/0123456789abcdef0123456789abcdef").Should().BeFalse();
        _keyVault.Holds("").Should().BeFalse();
    }

    [Theory]
    [InlineData("RSA1_5")]
    [InlineData("RSA-OAEP")]
    [InlineData("none")]
    public async Task Wraps_and_unwraps_by_its_own_algorithm_alone(string algorithm)
    {
        var kek = await _keyVault.CurrentAsync(CancellationToken.None);
        var wrapped = EnvelopeFormat.Read(await SealAsync()).Wrapped.Bytes;

        var wrap = async () => await kek.WrapKeyAsync(algorithm, new byte[32], CancellationToken.None);
        var unwrap = async () => await kek.UnwrapKeyAsync(algorithm, wrapped, CancellationToken.None);

        await wrap.Should().ThrowAsync<NotSupportedException>();
        await unwrap.Should().ThrowAsync<NotSupportedException>();
    }

    private static byte[] Renamed(byte[] record, string kekId)
    {
        var envelope = EnvelopeFormat.Read(record);
        return envelope.WithWrappedKey(new WrappedKey(kekId, envelope.Wrapped.Bytes));
    }

    private async Task<string> RotateAsync()
    {
        var id = await _keyVault.RotateAsync(CancellationToken.None);
        _vault.Forget();
        return id;
    }

    /// <summary>
    /// A record that names its own key must fail for what it is: an outage, or a refusal of the key as such, would prove
    /// nothing. One whose key's name was changed may be refused in other ways too.
    /// </summary>
    private async Task FailsAsync(byte[] record, EnvelopeBinding binding, string because, bool whyeverNot = false)
    {
        try
        {
            using var secret = await _envelopes.OpenAsync(record, binding, CancellationToken.None);
            Assert.Fail("The record must not open when " + because);
        }
        catch (CryptographicException)
        {
            // As it should.
        }
        catch (Exception exception) when (exception is KeyNotFoundException or VaultRefusedException)
        {
            var versions = await _keyVault.VersionsAsync(CancellationToken.None);
            (whyeverNot || versions.All(v => v.KeyId != Envelopes.KekIdOf(record)))
                .Should().BeTrue($"a key that is there cannot be missing or refuse; {because}: {exception.Message}");
        }
    }

    private async Task<byte[]> SealAsync(string text = "sk-test-0123456789abcdef")
    {
        using var secret = Secret.FromText(text);
        return await _envelopes.SealAsync(secret, Binding, CancellationToken.None);
    }

    private async Task<string> OpenAsync(byte[] record)
    {
        using var secret = await _envelopes.OpenAsync(record, Binding, CancellationToken.None);
        return secret.RevealText();
    }
}
