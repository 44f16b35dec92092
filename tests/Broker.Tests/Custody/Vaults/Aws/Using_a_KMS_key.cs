using System.Security.Cryptography;
using System.Text.Json;
using Azure.Core.Cryptography;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.Aws;

namespace TokenBroker.Tests.Custody.Vaults.Aws;

[Trait("Checklist", "13")]
public sealed class Using_a_KMS_key : IAsyncLifetime
{
    private static readonly EnvelopeBinding Mine = new("user", "record", "openai");
    private readonly byte[] _dek = RandomNumberGenerator.GetBytes(32);
    private KmsStandIn _kms = null!;
    private AwsVault _vault = null!;

    private static CancellationToken None => CancellationToken.None;

    public async ValueTask InitializeAsync() => _vault = (_kms = await KmsStandIn.StartAsync()).Vault();

    public async ValueTask DisposeAsync()
    {
        _vault.Dispose();
        await _kms.DisposeAsync();
    }

    [Fact]
    public async Task Finds_the_key_that_the_alias_points_to_and_names_it_by_its_ARN()
    {
        var kek = await _vault.CurrentAsync(None);

        kek.KeyId.Should().Be(_kms.Current.Arn);
        (await UnwrapAsync(kek, await WrapAsync(kek))).Should().Equal(_dek);
    }

    [Fact]
    public async Task Tells_KMS_what_the_key_belongs_to()
    {
        var kek = await _vault.CurrentAsync(None);

        await UnwrapAsync(kek, await WrapAsync(kek));

        _kms.Contexts.Should().HaveCount(2).And.OnlyContain(context => IsMine(context));
    }

    public static TheoryData<string, string, string> OtherBindings => new()
    {
        { "another", "record", "openai" },
        { "user", "another", "openai" },
        { "user", "record", "another" },
        { "record", "user", "openai" },
    };

    [Theory]
    [MemberData(nameof(OtherBindings))]
    public async Task Is_refused_a_key_that_was_wrapped_for_another_record(string owner, string record, string purpose)
    {
        var kek = await _vault.CurrentAsync(None);
        var wrapped = await WrapAsync(kek);

        await UnwrappingAsync(kek, wrapped, new EnvelopeBinding(owner, record, purpose)).Should().ThrowAsync<CryptographicException>();

        await kek.Awaiting(k => k.UnwrapKeyAsync(AwsKek.Algorithm, wrapped, None)).Should().ThrowAsync<CryptographicException>("it is bound");
        (await UnwrapAsync(kek, wrapped)).Should().Equal(_dek);
    }

    [Fact]
    public async Task Is_refused_what_another_key_of_the_same_account_wrapped()
    {
        var wrapped = await WrapAsync(await _vault.CurrentAsync(None));
        var other = await _vault.ResolveAsync(_kms.NewKey().Arn, None);

        await UnwrappingAsync(other, wrapped, Mine).Should().ThrowAsync<CryptographicException>("Decrypt names the key that must have wrapped it");
    }

    [Fact]
    public async Task Takes_no_answer_for_another_key()
    {
        var kek = await _vault.CurrentAsync(None);
        var wrapped = await WrapAsync(kek);
        _kms.Faults.NamesKey = _kms.NewKey().Arn;

        await UnwrappingAsync(kek, wrapped, Mine).Should().ThrowAsync<CryptographicException>().WithMessage("*answered for*");
        await FluentActions.Awaiting(() => WrapAsync(kek)).Should().ThrowAsync<CryptographicException>();
    }

    [Fact]
    public async Task Rotates_to_a_new_key_under_the_same_policy_and_moves_the_alias()
    {
        var old = _kms.Current;
        old.Policy = """{"Version":"2012-10-17","Statement":[{"Sid":"the operator's own"}]}""";
        old.MultiRegion = true;
        var kek = await _vault.CurrentAsync(None);
        var wrapped = await WrapAsync(kek);

        var next = await _vault.RotateAsync(None);

        next.Should().Be(_kms.Current.Arn).And.NotBe(old.Arn);
        (_kms.Current.Policy, _kms.Current.MultiRegion).Should().Be((old.Policy, true));
        (await _vault.CurrentAsync(None)).KeyId.Should().Be(next);
        (await UnwrapAsync(await _vault.ResolveAsync(old.Arn, None), wrapped)).Should().Equal(_dek);
        var third = await _vault.RotateAsync(None);
        (await _vault.VersionsAsync(None)).Select(v => (v.KeyId, v.IsEnabled, v.IsCurrent)).Should().Equal(
            (old.Arn, true, false), (next, true, false), (third, true, true));
    }

    [Fact]
    public async Task Lets_one_of_two_rotate_at_one_time()
    {
        await _vault.RotateAsync(None);
        using var other = _kms.Vault();
        var gate = new TaskCompletionSource();
        _kms.Faults.Gate = gate.Task;
        var both = new[] { _vault.RotateAsync(None), other.RotateAsync(None) };
        gate.SetResult();

        await Task.WhenAll(both.Select(rotation => rotation.ContinueWith(_ => { }, TaskScheduler.Default)));

        var won = both.Where(rotation => rotation.IsCompletedSuccessfully).Select(rotation => rotation.GetAwaiter().GetResult()).ToList();
        won.Should().NotBeEmpty().And.OnlyHaveUniqueItems();
        both.Should().NotContain(rotation => rotation.IsFaulted && !(rotation.Exception!.InnerException is VaultRefusedException), "the second may also come just after the first");
        won.Should().Contain((await _vault.CurrentAsync(None)).KeyId);
        (await _vault.VersionsAsync(None)).Should().HaveCount(2 + won.Count);
    }

    [Fact]
    public async Task Does_not_rotate_a_key_without_an_alias_and_says_what_to_do()
    {
        using var vault = _kms.Vault(keyId: _kms.Current.Arn);

        await vault.Awaiting(v => v.RotateAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*alias*");

        (await vault.VersionsAsync(None)).Should().ContainSingle().Which.KeyId.Should().Be(_kms.Current.Arn);
        _kms.Asked.Should().NotContain("CreateKey");
    }

    [Fact]
    public async Task Does_not_make_another_of_a_key_with_material_from_elsewhere()
    {
        _kms.Current.Origin = "EXTERNAL";

        await _vault.Awaiting(v => v.RotateAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*by hand*");

        _kms.Asked.Should().NotContain("CreateKey");
    }

    [Fact]
    public async Task Follows_an_alias_that_was_moved_by_hand()
    {
        var old = await _vault.CurrentAsync(None);
        var wrapped = await WrapAsync(old);
        _kms.PointAlias(_kms.NewKey());

        (await _vault.CurrentAsync(None)).KeyId.Should().Be(_kms.Current.Arn);
        (await UnwrapAsync(await _vault.ResolveAsync(old.KeyId, None), wrapped)).Should().Equal(_dek, "a record names its key, not the alias");
        var moved = _kms.Current.Arn;
        var next = await _vault.RotateAsync(None);
        (await _vault.VersionsAsync(None)).Select(v => v.KeyId).Should().Equal(moved, next);
    }

    [Fact]
    public async Task Disables_what_is_retired()
    {
        var old = await _vault.CurrentAsync(None);
        var wrapped = await WrapAsync(old);
        await _vault.RotateAsync(None);

        await _vault.RetireAsync(old.KeyId, None);

        _kms.Key(old.KeyId).State.Should().Be("Disabled");
        await UnwrappingAsync(old, wrapped, Mine).Should().ThrowAsync<VaultRefusedException>().WithMessage("*disabled*");
        (await _vault.VersionsAsync(None))[0].IsEnabled.Should().BeFalse();
    }

    [Fact]
    public async Task Holds_keys_beside_its_alias_or_its_own_key_alone()
    {
        var arn = _kms.Current.Arn;
        using var one = _kms.Vault(keyId: arn);

        _vault.Holds(arn).Should().BeTrue();
        _vault.Holds(_kms.NewKey().Arn).Should().BeTrue("the alias may have pointed there");
        one.Holds(arn).Should().BeTrue();
        one.Holds(_kms.NewKey().Arn).Should().BeFalse();
        foreach (var other in (string[])[arn.Replace("111122223333", "444455556666"), arn.Replace("eu-central-1", "eu-west-1"), KmsStandIn.ConfiguredArn, arn + "/more", arn.Replace("key/", "alias/"), "local-file:00"])
        {
            _vault.Holds(other).Should().BeFalse(other);
            one.Holds(other).Should().BeFalse(other);
            await _vault.Awaiting(v => v.ResolveAsync(other, None)).Should().ThrowAsync<KeyNotFoundException>();
        }
    }

    private static bool IsMine(string context)
    {
        var read = JsonSerializer.Deserialize<Dictionary<string, string>>(context)!;
        return read["tokenbroker:owner"] == "user" && read["tokenbroker:record"] == "record" && read["tokenbroker:purpose"] == "openai";
    }

    private Task<byte[]> WrapAsync(IKeyEncryptionKey kek) => ((IBoundKeyEncryptionKey)kek).WrapKeyAsync(AwsKek.Algorithm, _dek, Mine, None);

    private static Task<byte[]> UnwrapAsync(IKeyEncryptionKey kek, byte[] wrapped) => ((IBoundKeyEncryptionKey)kek).UnwrapKeyAsync(AwsKek.Algorithm, wrapped, Mine, None);

    private static Func<Task<byte[]>> UnwrappingAsync(IKeyEncryptionKey kek, byte[] wrapped, EnvelopeBinding binding) =>
        () => ((IBoundKeyEncryptionKey)kek).UnwrapKeyAsync(AwsKek.Algorithm, wrapped, binding, None);
}
