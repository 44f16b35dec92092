using System.Security.Cryptography;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Tests.Custody.Vaults.StandIns;

namespace TokenBroker.Tests.Custody.Vaults;

[Trait("Checklist", "13")]
public sealed class Asking_transit : IAsyncLifetime
{
    private const string Algorithm = "aes256-gcm96";
    private static readonly byte[] Dek = RandomNumberGenerator.GetBytes(32);
    private static readonly EnvelopeBinding Binding = new("user-1", "key-1", "openai");
    private TransitStandIn _standIn = null!;
    private IKeyVault _vault = null!;

    public async ValueTask InitializeAsync()
    {
        _standIn = await TransitStandIn.StartAsync();
        _vault = _standIn.Open();
    }

    public async ValueTask DisposeAsync()
    {
        await _standIn.DisposeAsync();
        _standIn.Violations.Should().BeEmpty();
    }

    [Fact]
    public async Task Unwraps_under_the_binding_that_it_wrapped_with_alone()
    {
        var kek = await CurrentAsync();
        var wrapped = await kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None);

        (await kek.UnwrapKeyAsync(Algorithm, wrapped, Binding, CancellationToken.None)).Should().Equal(Dek);
        EnvelopeBinding[] others = [Binding with { Owner = "user-2" }, Binding with { RecordId = "key-2" }, Binding with { Purpose = "" }, new("user-1key-1", "", "openai")];
        foreach (var other in others)
        {
            var unwrap = () => kek.UnwrapKeyAsync(Algorithm, wrapped, other, CancellationToken.None);
            (await unwrap.Should().ThrowAsync<CryptographicException>()).Which.Message.Should().Contain("message authentication failed");
        }
    }

    [Fact]
    public async Task Wraps_nothing_without_a_binding()
    {
        var kek = await CurrentAsync();

        var wrap = async () => await kek.WrapKeyAsync(Algorithm, Dek);

        await wrap.Should().ThrowAsync<NotSupportedException>();
        _standIn.CallsOf("/encrypt/broker-key").Should().Be(0);
    }

    [Theory]
    [InlineData("Token")]
    [InlineData("Namespace")]
    public async Task Is_refused_with_another(string setting)
    {
        var vault = _standIn.Open(settings =>
        {
            if (setting == "Namespace")
            {
                settings.Transit!.Namespace = "team-b";
            }
            else
            {
                (settings.Transit!.TokenFile, settings.Transit.Token) = (null, "hvs.another");
            }
        });

        (await RefusedAsync(() => vault.CurrentAsync(CancellationToken.None))).Should().Contain("permission denied").And.Contain("policy");
    }

    [Fact]
    public async Task Takes_up_the_token_that_an_agent_renews()
    {
        await CurrentAsync();
        _standIn.Token = "hvs.renewed";
        await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None));

        await File.WriteAllTextAsync(_standIn.TokenFile, "hvs.renewed\n");

        await CurrentAsync();
    }

    [Theory]
    [InlineData("")]
    [InlineData("two\nlines")]
    public async Task Sends_nothing_that_is_no_token(string content)
    {
        await File.WriteAllTextAsync(_standIn.TokenFile, content);

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain(_standIn.TokenFile);

        File.Delete(_standIn.TokenFile);
        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain(_standIn.TokenFile);
        _standIn.Calls.Should().BeEmpty();
    }

    [Fact]
    public async Task Is_refused_below_the_least_version_that_decrypts()
    {
        var old = await CurrentAsync();
        var wrapped = await old.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None);
        await _vault.RotateAsync(CancellationToken.None);

        await _vault.RetireAsync(old.KeyId, CancellationToken.None);

        (await RefusedAsync(() => old.UnwrapKeyAsync(Algorithm, wrapped, Binding, CancellationToken.None))).Should().Contain("min_decryption_version");
    }

    [Fact]
    public async Task Retires_no_version_while_an_older_one_is_enabled()
    {
        var first = (await CurrentAsync()).KeyId;
        var second = await _vault.RotateAsync(CancellationToken.None);
        await _vault.RotateAsync(CancellationToken.None);

        var retire = () => _vault.RetireAsync(second, CancellationToken.None);

        (await retire.Should().ThrowAsync<InvalidOperationException>()).Which.Message.Should().Contain(first);
        (await _vault.VersionsAsync(CancellationToken.None)).Should().OnlyContain(v => v.IsEnabled);
    }

    [Fact]
    public async Task Stores_no_ciphertext_of_another_version()
    {
        await _vault.RotateAsync(CancellationToken.None);
        var kek = await CurrentAsync();
        _standIn.EncryptsWith = 1;

        await RefusedAsync(() => kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None));
    }

    [Theory]
    [InlineData("vault:v1:")]
    [InlineData("vault:v1:AAAA")]
    [InlineData("vault:v1:!!!!")]
    [InlineData("vault:v1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")]
    [InlineData("vault:v10:AAAA")]
    [InlineData("")]
    public async Task Stores_nothing_that_is_no_wrapped_key(string answer)
    {
        var kek = await CurrentAsync();
        _standIn.Faults.Garbage = answer;

        var wrap = () => kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None);

        var thrown = (await wrap.Should().ThrowAsync<Exception>()).Which;
        (thrown is VaultUnavailableException or VaultRefusedException).Should().BeTrue(thrown.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("not base64 at all, but as long as one....=")]
    public async Task Takes_no_plaintext_of_another_length(string answer)
    {
        var kek = await CurrentAsync();
        var wrapped = await kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None);
        _standIn.Faults.Garbage = answer;

        await UnavailableAsync(() => kek.UnwrapKeyAsync(Algorithm, wrapped, Binding, CancellationToken.None));
    }

    [Theory]
    [InlineData(429)]
    [InlineData(472)]
    [InlineData(473)]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Says_that_a_vault_that_is_sealed_or_fails_is_unavailable(int status)
    {
        var kek = await CurrentAsync();
        _standIn.Faults.Status = status;

        await UnavailableAsync(() => kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None));
        await UnavailableAsync(() => _vault.CurrentAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Passes_on_how_long_a_throttled_vault_wants_to_be_left_alone()
    {
        var kek = await CurrentAsync();
        _standIn.Faults.ThrottleSeconds = 9;

        (await UnavailableAsync(() => kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None))).RetryAfter.Should().Be(TimeSpan.FromSeconds(9));
    }

    [Fact]
    public async Task Says_that_a_vault_that_is_down_is_unavailable_and_works_when_it_is_back()
    {
        _standIn.Faults.Down = true;
        await UnavailableAsync(() => _vault.CurrentAsync(CancellationToken.None));

        _standIn.Faults.Down = false;

        await CurrentAsync();
    }

    [Fact]
    public async Task Is_refused_by_a_key_that_its_policy_no_longer_allows()
    {
        var kek = await CurrentAsync();
        _standIn.Faults.KeyDisabled = true;

        await RefusedAsync(() => kek.WrapKeyAsync(Algorithm, Dek, Binding, CancellationToken.None));
    }

    [Fact]
    public async Task Takes_its_token_nowhere_else()
    {
        await using var other = await TransitStandIn.StartAsync();
        other.Token = _standIn.Token;
        _standIn.Faults.RedirectTo = other.Settings["Vault:Transit:Address"] + "/v1/keys/transit/keys/broker-key";

        (await UnavailableAsync(() => _vault.CurrentAsync(CancellationToken.None))).Message.Should().Contain("redirect");

        other.Calls.Should().BeEmpty();
    }

    [Fact]
    public async Task Takes_no_key_of_another_type()
    {
        _standIn.Type = "rsa-2048";

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("aes256-gcm96");
    }

    [Fact]
    public async Task Makes_no_key_where_there_is_none()
    {
        var missing = _standIn.Open(settings => settings.Transit!.Key = "missing");
        var current = () => missing.CurrentAsync(CancellationToken.None);
        (await current.Should().ThrowAsync<KeyNotFoundException>()).Which.Message.Should().Contain("missing");

        var mount = _standIn.Open(settings => settings.Transit!.Mount = "elsewhere");
        current = () => mount.CurrentAsync(CancellationToken.None);
        await current.Should().ThrowAsync<KeyNotFoundException>();
    }

    [Fact]
    public async Task Names_its_versions_by_host_namespace_mount_and_key()
    {
        var host = new Uri(_standIn.Settings["Vault:Transit:Address"]).Authority;

        (await CurrentAsync()).KeyId.Should().Be($"transit:{host}/team-a/keys/transit/broker-key:v1");
        _vault.Holds($"transit:{host}/team-b/keys/transit/broker-key:v1").Should().BeFalse();
        _vault.Holds($"transit:{host}/team-a/keys/transit/broker-key:v01").Should().BeFalse();
        _vault.Holds($"transit:evil.example/team-a/keys/transit/broker-key:v1").Should().BeFalse();
    }

    [Theory]
    [InlineData(null, "transit", "key")]
    [InlineData("http://vault.example:8200", "transit", "key")]
    [InlineData("https://vault.example:8200/v1", "transit", "key")]
    [InlineData("https://vault.example:8200", "../sys", "key")]
    [InlineData("https://vault.example:8200", "transit", "../key")]
    [InlineData("https://vault.example:8200", "transit", "a/b")]
    [InlineData("https://vault.example:8200", "transit", null)]
    public void Is_made_of_no_other_address_or_name(string? address, string mount, string? key)
    {
        var open = () => _standIn.Open(settings => (settings.Transit!.Address, settings.Transit.Mount, settings.Transit.Key) = (address, mount, key));

        open.Should().Throw<InvalidOperationException>().WithMessage("Vault:Transit:*");
    }

    [Fact]
    public void Wants_one_token()
    {
        var neither = () => _standIn.Open(settings => settings.Transit!.TokenFile = null);
        var both = () => _standIn.Open(settings => settings.Transit!.Token = "hvs.token");

        neither.Should().Throw<InvalidOperationException>().WithMessage("*TokenFile*");
        both.Should().Throw<InvalidOperationException>().WithMessage("*TokenFile*");
    }

    private static async Task<string> RefusedAsync<T>(Func<Task<T>> call) => (await call.Should().ThrowAsync<VaultRefusedException>()).Which.Message;

    private static async Task<VaultUnavailableException> UnavailableAsync<T>(Func<Task<T>> call) => (await call.Should().ThrowAsync<VaultUnavailableException>()).Which;

    private async Task<IBoundKeyEncryptionKey> CurrentAsync() => (IBoundKeyEncryptionKey)await _vault.CurrentAsync(CancellationToken.None);
}
