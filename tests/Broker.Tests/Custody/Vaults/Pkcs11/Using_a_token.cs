using System.Security.Cryptography;
using Azure.Core.Cryptography;
using Net.Pkcs11Interop.Common;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.Pkcs11;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Custody.Vaults.Pkcs11;

/// <summary>Against softhsm2 for real.</summary>
[Trait("Checklist", "13")]
public sealed class Using_a_token : IDisposable
{
    private static readonly EnvelopeBinding Mine = new("user", "record", "openai");
    private readonly SoftToken _token = new();
    private readonly byte[] _dek = RandomNumberGenerator.GetBytes(32);
    private readonly LogCapture _log = new();

    private static CancellationToken None => CancellationToken.None;

    public void Dispose() => _token.Dispose();

    [Fact]
    public async Task Makes_a_key_that_never_leaves_it_and_says_so()
    {
        using var vault = _token.Vault(log: _log);

        var kek = await vault.CurrentAsync(None);

        kek.KeyId.Should().MatchRegex("^pkcs11:broker-token/tokenbroker:00000001[0-9a-f]{8}$");
        _log.Lines.Should().ContainSingle(line => line.StartsWith("Warning") && line.Contains(kek.KeyId));
        var read = _token.AsAnother(session => session.GetAttributeValue(
            _token.Find(session, IdOf(kek)), [CKA.CKA_SENSITIVE, CKA.CKA_EXTRACTABLE, CKA.CKA_NEVER_EXTRACTABLE, CKA.CKA_PRIVATE, CKA.CKA_WRAP, CKA.CKA_VALUE]));
        read.Take(5).Select(attribute => attribute.GetValueAsBool()).Should().Equal(true, false, true, true, false);
        read[5].CannotBeRead.Should().BeTrue("the value stays in");
    }

    [Fact]
    public async Task Makes_one_key_alone_for_another_vault_and_after_a_restart()
    {
        using var first = _token.Vault();
        using var second = _token.Vault();
        var wrapped = await WrapAsync(await first.CurrentAsync(None));

        var kek = await second.CurrentAsync(None);

        kek.KeyId.Should().Be((await first.CurrentAsync(None)).KeyId);
        (await UnwrapAsync(kek, wrapped)).Should().Equal(_dek);
        (await second.VersionsAsync(None)).Should().ContainSingle();
    }

    [Fact]
    public async Task Wraps_as_nonce_ciphertext_and_tag_and_never_twice_alike()
    {
        using var vault = _token.Vault();
        var kek = await vault.CurrentAsync(None);

        var one = await WrapAsync(kek);
        var other = await WrapAsync(kek);

        one.Should().HaveCount(12 + 32 + 16);
        one[..12].Should().NotEqual(other[..12]);
        one[12..44].Should().NotEqual(other[12..44]);
    }

    public static TheoryData<string, string, string> OtherBindings => new()
    {
        { "another", "record", "openai" },
        { "user", "another", "openai" },
        { "user", "record", "another" },
        { "userr", "ecord", "openai" },
        { "", "userrecord", "openai" },
    };

    [Theory]
    [MemberData(nameof(OtherBindings))]
    public async Task Refuses_a_key_that_was_wrapped_for_another_record(string owner, string record, string purpose)
    {
        using var vault = _token.Vault();
        var kek = await vault.CurrentAsync(None);
        var wrapped = await WrapAsync(kek);

        await UnwrappingAsync(kek, wrapped, new EnvelopeBinding(owner, record, purpose)).Should().ThrowAsync<CryptographicException>();

        (await UnwrapAsync(kek, wrapped)).Should().Equal(_dek, "the session goes on");
        await kek.Awaiting(k => k.UnwrapKeyAsync(Pkcs11Kek.Algorithm, wrapped, None)).Should().ThrowAsync<CryptographicException>("it is bound");
    }

    [Fact]
    public async Task Refuses_every_flipped_byte_and_every_length_but_the_right_one()
    {
        using var vault = _token.Vault();
        var kek = await vault.CurrentAsync(None);
        var wrapped = await WrapAsync(kek);

        for (var i = 0; i < wrapped.Length; i++)
        {
            var flipped = wrapped.ToArray();
            flipped[i] ^= 1;
            await UnwrappingAsync(kek, flipped, Mine).Should().ThrowAsync<CryptographicException>($"byte {i} was flipped");
            await UnwrappingAsync(kek, wrapped[..i], Mine).Should().ThrowAsync<CryptographicException>($"it was cut to {i}");
        }

        await UnwrappingAsync(kek, [.. wrapped, 0], Mine).Should().ThrowAsync<CryptographicException>();
    }

    [Fact]
    public async Task Refuses_what_another_version_wrapped()
    {
        using var vault = _token.Vault();
        var old = await vault.CurrentAsync(None);
        var wrapped = await WrapAsync(old);
        await vault.RotateAsync(None);
        var current = await vault.CurrentAsync(None);

        await UnwrappingAsync(current, wrapped, Mine).Should().ThrowAsync<CryptographicException>();

        (await UnwrapAsync(await vault.ResolveAsync(old.KeyId, None), wrapped)).Should().Equal(_dek);
    }

    [Fact]
    public async Task Rotates_to_a_newer_key_which_every_vault_on_it_then_uses()
    {
        using var vault = _token.Vault();
        using var other = _token.Vault();
        var first = (await vault.CurrentAsync(None)).KeyId;

        var second = await vault.RotateAsync(None);

        second.Should().NotBe(first);
        (await other.CurrentAsync(None)).KeyId.Should().Be(second);
        (await other.VersionsAsync(None)).Should().Equal(new KekVersion(first, null, true, false), new KekVersion(second, null, true, true));
    }

    [Fact]
    public async Task Comes_after_keys_whose_ids_somebody_else_chose()
    {
        _token.MakeKey("05");
        _token.MakeKey("00ffffff");
        _token.MakeKey("ab", label: "somebody-elses");
        using var vault = _token.Vault();
        (await vault.CurrentAsync(None)).KeyId.Should().EndWith(":00ffffff", "numbers count, not texts, and other labels are others' keys");

        var next = await vault.RotateAsync(None);

        (await vault.CurrentAsync(None)).KeyId.Should().Be(next);
        (await vault.VersionsAsync(None)).Should().HaveCount(3);
    }

    [Fact]
    public async Task Destroys_what_is_retired_but_never_the_current_key()
    {
        using var vault = _token.Vault();
        var old = await vault.CurrentAsync(None);
        var wrapped = await WrapAsync(old);
        await vault.Awaiting(v => v.RetireAsync(old.KeyId, None)).Should().ThrowAsync<InvalidOperationException>().WithMessage("*rotate first*");
        await vault.RotateAsync(None);

        await vault.RetireAsync(old.KeyId, None);

        (await vault.VersionsAsync(None)).Should().ContainSingle();
        await UnwrappingAsync(old, wrapped, Mine).Should().ThrowAsync<KeyNotFoundException>();
        await vault.Awaiting(v => v.ResolveAsync(old.KeyId, None)).Should().ThrowAsync<KeyNotFoundException>();
        await vault.Awaiting(v => v.RetireAsync(old.KeyId, None)).Should().ThrowAsync<KeyNotFoundException>();
    }

    [Fact]
    public async Task Holds_its_own_ids_alone()
    {
        using var vault = _token.Vault();
        var id = (await vault.CurrentAsync(None)).KeyId;

        vault.Holds(id).Should().BeTrue();
        foreach (var other in (string[])[id[..^1], id + "0g", id.Replace("broker-token", "other"), id.Replace("/tokenbroker", "/other"), "pkcs11:broker-token/tokenbroker:", "local-file:00"])
        {
            vault.Holds(other).Should().BeFalse(other);
            await vault.Awaiting(v => v.ResolveAsync(other, None)).Should().ThrowAsync<KeyNotFoundException>();
        }
    }

    [Fact]
    public async Task Wraps_by_its_own_algorithm_alone()
    {
        using var vault = _token.Vault();
        var kek = await vault.CurrentAsync(None);

        await kek.Awaiting(k => k.WrapKeyAsync("RSA1_5", _dek, None)).Should().ThrowAsync<NotSupportedException>();
        await kek.Awaiting(k => k.UnwrapKeyAsync("A256KW", new byte[60], None)).Should().ThrowAsync<NotSupportedException>();
    }

    [Fact]
    public async Task Serves_many_at_one_time_with_few_sessions()
    {
        using var vault = _token.Vault(options => options.Sessions = 3);
        var kek = await vault.CurrentAsync(None);

        await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(async () =>
        {
            var binding = Mine with { RecordId = $"record {i}" };
            var wrapped = await ((IBoundKeyEncryptionKey)kek).WrapKeyAsync(vault.Algorithm, _dek, binding, None);
            (await ((IBoundKeyEncryptionKey)kek).UnwrapKeyAsync(vault.Algorithm, wrapped, binding, None)).Should().Equal(_dek);
        })));

        _token.AsAnother(session => Pkcs11Module.Of(_token.Library).Generation).Should().Be(1, "nothing was lost on the way");
    }

    private static string IdOf(IKeyEncryptionKey kek) => kek.KeyId[(kek.KeyId.LastIndexOf(':') + 1)..];

    private Task<byte[]> WrapAsync(IKeyEncryptionKey kek) => ((IBoundKeyEncryptionKey)kek).WrapKeyAsync(Pkcs11Kek.Algorithm, _dek, Mine, None);

    private static Task<byte[]> UnwrapAsync(IKeyEncryptionKey kek, byte[] wrapped) => ((IBoundKeyEncryptionKey)kek).UnwrapKeyAsync(Pkcs11Kek.Algorithm, wrapped, Mine, None);

    private static Func<Task<byte[]>> UnwrappingAsync(IKeyEncryptionKey kek, byte[] wrapped, EnvelopeBinding binding) =>
        () => ((IBoundKeyEncryptionKey)kek).UnwrapKeyAsync(Pkcs11Kek.Algorithm, wrapped, binding, None);
}
