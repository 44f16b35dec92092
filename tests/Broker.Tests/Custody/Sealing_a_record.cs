using System.Security.Cryptography;
using System.Text;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.LocalFile;

namespace TokenBroker.Tests.Custody;

[Trait("Checklist", "13")]
public sealed class Sealing_a_record : IDisposable
{
    private static readonly EnvelopeBinding Binding = new("user-1", "key-1", "openai");
    private readonly string _directory = Directory.CreateTempSubdirectory("tokenbroker-").FullName;
    private readonly Secret _recordKey = Secret.Random(32);
    private readonly Vault _vault;
    private readonly Envelopes _envelopes;

    public Sealing_a_record()
    {
        _vault = NewVault("vault.key");
        _envelopes = With(_vault);
    }

    private string KekId => _vault.CurrentKeyIdAsync(CancellationToken.None).GetAwaiter().GetResult();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

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
    public async Task Fails_for_every_flipped_bit_of_every_byte()
    {
        var record = await SealAsync();
        for (var i = 0; i < record.Length; i++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var changed = record.ToArray();
                changed[i] ^= (byte)(1 << bit);

                await FailsAsync(changed, Binding, $"bit {bit} of byte {i} was flipped");
            }
        }
    }

    [Fact]
    public async Task Fails_at_every_shorter_length_and_with_a_byte_more()
    {
        var record = await SealAsync();
        for (var length = 0; length < record.Length; length++)
        {
            await FailsAsync(record[..length], Binding, $"only {length} bytes are left");
        }

        await FailsAsync([.. record, 0], Binding, "a byte was added");
    }

    [Fact]
    public async Task Fails_for_another_user_key_or_upstream()
    {
        var record = await SealAsync();
        EnvelopeBinding[] others =
        [
            Binding with { Owner = "user-2" },
            Binding with { RecordId = "key-2" },
            Binding with { Purpose = "other" },
            new("user-1key-1", "", "openai"),
            new("user-", "1key-1", "openai"),
            new("key-1", "user-1", "openai"),
            new("", "", ""),
        ];

        foreach (var other in others)
        {
            await FailsAsync(record, other, $"it belongs to {other}");
        }
    }

    [Fact]
    public async Task Fails_under_another_vault_key_and_names_both()
    {
        var record = await SealAsync();
        var other = NewVault("other.key");

        var open = () => With(other).OpenAsync(record, Binding, CancellationToken.None);

        (await open.Should().ThrowAsync<KeyNotFoundException>()).Which.Message
            .Should().Contain(KekId).And.Contain(await other.CurrentKeyIdAsync(CancellationToken.None)).And.Contain("restore");
    }

    [Fact]
    public async Task Fails_where_another_vault_key_claims_the_same_name()
    {
        var record = await SealAsync();
        using var other = NewVault("other.key");
        var name = Encoding.UTF8.GetBytes(KekId);
        Encoding.UTF8.GetBytes(await other.CurrentKeyIdAsync(CancellationToken.None)).CopyTo(record.AsSpan(record.AsSpan().IndexOf(name)));

        var open = () => With(other).OpenAsync(record, Binding, CancellationToken.None);

        await open.Should().ThrowAsync<CryptographicException>();
    }

    [Theory]
    [InlineData(3, 0)]
    [InlineData(3, 3)]
    [InlineData(3, 255)]
    [InlineData(4, 0)]
    [InlineData(4, 2)]
    public async Task Fails_for_another_format_or_algorithm(int at, byte value)
    {
        var record = await SealAsync();
        record[at] = value;

        var open = () => _envelopes.OpenAsync(record, Binding, CancellationToken.None);

        (await open.Should().ThrowAsync<CryptographicException>()).Which.Message.Should().Contain("known version");
    }

    [Fact]
    public async Task Is_different_each_time_and_never_shows_the_secret()
    {
        const string Text = "sk-test-the-very-same-secret";
        var first = await SealAsync(Text);
        var second = await SealAsync(Text);

        var headerOfSame = Encoding.UTF8.GetByteCount(KekId) + 7;
        first.AsSpan(0, headerOfSame).SequenceEqual(second.AsSpan(0, headerOfSame)).Should().BeTrue("format and vault key are the same");
        var same = first.Skip(headerOfSame + 2).Zip(second.Skip(headerOfSame + 2)).Count(pair => pair.First == pair.Second);
        same.Should().BeLessThan(12, "wrapped key, commitment, nonce and ciphertext are all fresh");
        first.AsSpan().IndexOf(Encoding.UTF8.GetBytes(Text)).Should().Be(-1);
    }

    [Fact]
    public async Task Is_committed_to_its_own_data_key()
    {
        var mine = await SealAsync();
        var other = await SealAsync();

        // The wrapped data key of another record of the same owner: it unwraps, and is not the one.
        var start = 5 + 2 + Encoding.UTF8.GetByteCount(KekId);
        var length = 2 + 12 + 32 + 16;
        other.AsSpan(start, length).CopyTo(mine.AsSpan(start));
        var open = () => _envelopes.OpenAsync(mine, Binding, CancellationToken.None);

        (await open.Should().ThrowAsync<CryptographicException>()).Which.Message.Should().Contain("not sealed by this data key");
    }

    [Fact]
    public async Task Opens_a_record_of_the_first_format_and_makes_one_of_the_newest_of_it()
    {
        var first = await SealByTheFirstFormatAsync("sk-test-from-before");
        (await OpenAsync(first)).Should().Be("sk-test-from-before");
        await FailsAsync(first, Binding with { Owner = "user-2" }, "it belongs to another");
        var asNewest = first.ToArray();
        asNewest[3] = 2;
        await FailsAsync(asNewest, Binding, "it says that it is of another format");

        var rewrapped = await _envelopes.RewrapAsync(first, Binding, CancellationToken.None);

        rewrapped[3].Should().Be(2);
        (await OpenAsync(rewrapped)).Should().Be("sk-test-from-before");
        var rolledBack = rewrapped.ToArray();
        rolledBack[3] = 1;
        await FailsAsync(rolledBack, Binding, "it says that it is of the first format");
    }

    /// <summary>As the broker sealed before DEKs could be wrapped anew: the whole header is associated data, and there is no record key.</summary>
    private async Task<byte[]> SealByTheFirstFormatAsync(string text)
    {
        var dek = RandomNumberGenerator.GetBytes(32);
        var wrapped = await _vault.WrapAsync(dek, Binding, CancellationToken.None);
        byte[] header =
        [
            .. "TBK"u8, 1, 1, .. Field(Encoding.UTF8.GetBytes(wrapped.KekId)), .. Field(wrapped.Bytes),
            .. HKDF.DeriveKey(HashAlgorithmName.SHA256, dek, 32, [], "tokenbroker envelope 1 commit"u8.ToArray()),
        ];
        var (nonce, plain) = (RandomNumberGenerator.GetBytes(12), Encoding.UTF8.GetBytes(text));
        var (cipher, tag) = (new byte[plain.Length], new byte[16]);
        using var aes = new AesGcm(HKDF.DeriveKey(HashAlgorithmName.SHA256, dek, 32, [], "tokenbroker envelope 1 encrypt"u8.ToArray()), 16);
        string[] parts = [Binding.Owner, Binding.RecordId, Binding.Purpose];
        byte[] data = [.. parts.SelectMany(part => (byte[])[0, 0, 0, (byte)part.Length, .. Encoding.UTF8.GetBytes(part)]), .. header];
        aes.Encrypt(nonce, plain, cipher, tag, data);
        return [.. header, .. nonce, .. cipher, .. tag];
    }

    private static byte[] Field(byte[] bytes) => [(byte)(bytes.Length >> 8), (byte)bytes.Length, .. bytes];

    private async Task FailsAsync(byte[] record, EnvelopeBinding binding, string because)
    {
        try
        {
            using var secret = await _envelopes.OpenAsync(record, binding, CancellationToken.None);
            Assert.Fail("The record must not open when " + because);
        }
        catch (Exception exception) when (exception is CryptographicException or KeyNotFoundException)
        {
            // As it should.
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

    private Vault NewVault(string file)
    {
        var vault = LocalFileVault.LoadOrCreate(Path.Combine(_directory, file));
        return new Vault([vault], TimeSpan.FromSeconds(10), TimeProvider.System);
    }

    private Envelopes With(Vault vault) => new(vault, _ => ValueTask.FromResult(_recordKey));
}
