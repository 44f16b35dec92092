using System.Security.Cryptography;
using Azure.Core.Cryptography;
using Azure.Identity;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Tests.Custody.Vaults.StandIns;

namespace TokenBroker.Tests.Custody.Vaults;

[Trait("Checklist", "13")]
public sealed class Asking_key_vault : IAsyncLifetime
{
    private const string Algorithm = "RSA-OAEP-256";
    private static readonly byte[] Dek = RandomNumberGenerator.GetBytes(32);
    private AzureStandIn _standIn = null!;
    private IKeyVault _vault = null!;

    public async ValueTask InitializeAsync()
    {
        _standIn = await AzureStandIn.KeyVaultAsync();
        _vault = _standIn.Open();
    }

    public async ValueTask DisposeAsync()
    {
        await _standIn.DisposeAsync();
        _standIn.Violations.Should().BeEmpty();
    }

    [Fact]
    public async Task Shows_neither_token_nor_body_before_the_challenge()
    {
        // Its first request of all has a body.
        var kek = _vault.Resolve(_standIn.IdOf(_standIn.Versions[0]));

        var wrapped = await kek.WrapKeyAsync(Algorithm, Dek);

        (await kek.UnwrapKeyAsync(Algorithm, wrapped)).Should().Equal(Dek);
        _standIn.CallsOf("/wrapkey").Should().Be(2, "the first was without token and body, and was answered by a challenge");
        _standIn.CallsOf("/unwrapkey").Should().Be(1, "the challenge is remembered");
        _standIn.Identity.Asked.Should().Equal("https://vault.azure.net/.default");
    }

    [Theory]
    [InlineData("https://vault.azure.cn")]
    [InlineData("https://evil.example")]
    [InlineData("https://ault.azure.net")]
    [InlineData("https://graph.microsoft.com")]
    [InlineData("http://vault.azure.net")]
    [InlineData("vault.azure.net")]
    [InlineData("")]
    public async Task Asks_no_token_for_a_resource_that_the_vault_is_not_part_of(string resource)
    {
        _standIn.ChallengeResource = resource;

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("not part of");

        _standIn.Identity.Asked.Should().BeEmpty();
    }

    [Fact]
    public async Task Is_refused_with_a_token_for_another_resource()
    {
        _standIn.Identity.Audience = "https://management.azure.com";

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("Invalid audience");
    }

    [Fact]
    public async Task Is_refused_with_a_token_past_its_end()
    {
        _standIn.Identity.Lifetime = TimeSpan.FromMinutes(-1);

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("expired").And.Contain("clock");
    }

    [Fact]
    public async Task Works_again_after_its_token_was_refused_in_between()
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.TokensExpired = true;
        await RefusedAsync(() => kek.WrapKeyAsync(Algorithm, Dek));

        _standIn.Faults.TokensExpired = false;

        (await kek.UnwrapKeyAsync(Algorithm, await kek.WrapKeyAsync(Algorithm, Dek))).Should().Equal(Dek);
    }

    [Fact]
    public async Task Tells_a_credential_that_is_refused_from_one_that_cannot_be_had_now()
    {
        _standIn.Identity.Failure = new AuthenticationFailedException("AADSTS7000215: Invalid client secret provided.");
        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("AADSTS7000215");

        _standIn.Identity.Failure = new AuthenticationFailedException("No answer", new HttpRequestException("Connection refused"));
        await UnavailableAsync(() => _vault.CurrentAsync(CancellationToken.None));
    }

    [Fact]
    public async Task Is_refused_by_a_disabled_key()
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        var wrapped = await kek.WrapKeyAsync(Algorithm, Dek);
        _standIn.Faults.KeyDisabled = true;

        (await RefusedAsync(() => kek.WrapKeyAsync(Algorithm, Dek))).Should().Contain("KeyDisabled");
        (await RefusedAsync(() => kek.UnwrapKeyAsync(Algorithm, wrapped))).Should().Contain("KeyDisabled");
    }

    [Fact]
    public async Task Is_refused_by_an_old_version_that_was_disabled()
    {
        var old = await _vault.CurrentAsync(CancellationToken.None);
        var wrapped = await old.WrapKeyAsync(Algorithm, Dek);
        await _vault.RotateAsync(CancellationToken.None);

        await _vault.RetireAsync(old.KeyId, CancellationToken.None);

        (await RefusedAsync(() => old.UnwrapKeyAsync(Algorithm, wrapped))).Should().Contain("KeyDisabled");
        _standIn.Versions.Select(v => v.Enabled).Should().Equal(false, true);
    }

    [Fact]
    public async Task Wraps_with_the_newest_version_that_is_enabled()
    {
        var second = _standIn.AddVersion();
        _standIn.AddVersion().Enabled = false;

        (await _vault.CurrentAsync(CancellationToken.None)).KeyId.Should().Be(_standIn.IdOf(second));

        _standIn.Versions.ToList().ForEach(v => v.Enabled = false);
        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("disabled");
    }

    [Theory]
    [InlineData("EC", 2048, "type 'EC'")]
    [InlineData("oct-HSM", 2048, "type 'oct-HSM'")]
    [InlineData("RSA", 1024, "1024 bits")]
    public async Task Takes_no_key_of_another_type_or_too_small(string type, int bits, string complaint)
    {
        _standIn.AddVersion(type, bits);

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain(complaint);
    }

    [Fact]
    public async Task Takes_no_key_that_is_not_for_wrapping()
    {
        _standIn.AddVersion().Operations = ["sign", "verify"];

        (await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None))).Should().Contain("wrapKey");
    }

    [Fact]
    public async Task Passes_on_how_long_a_throttled_vault_wants_to_be_left_alone_and_asks_once()
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.ThrottleSeconds = 7;

        (await UnavailableAsync(() => kek.WrapKeyAsync(Algorithm, Dek))).RetryAfter.Should().Be(TimeSpan.FromSeconds(7));

        _standIn.CallsOf("/wrapkey").Should().Be(1);
    }

    [Theory]
    [InlineData(500)]
    [InlineData(503)]
    public async Task Says_that_a_vault_that_fails_is_unavailable_after_one_more_try(int status)
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.Status = status;

        await UnavailableAsync(() => kek.WrapKeyAsync(Algorithm, Dek));

        _standIn.CallsOf("/wrapkey").Should().Be(2);
    }

    [Fact]
    public async Task Says_that_a_vault_that_is_down_is_unavailable_and_works_when_it_is_back()
    {
        _standIn.Faults.Down = true;
        await UnavailableAsync(() => _vault.CurrentAsync(CancellationToken.None));

        _standIn.Faults.Down = false;

        (await _vault.CurrentAsync(CancellationToken.None)).KeyId.Should().Be(_standIn.IdOf(_standIn.Versions[0]));
    }

    [Fact]
    public async Task Makes_no_second_version_when_the_answer_to_a_rotation_is_lost()
    {
        await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.Status = 500;

        await UnavailableAsync(() => _vault.RotateAsync(CancellationToken.None));

        _standIn.CallsOf("/rotate").Should().Be(1);
    }

    [Fact]
    public async Task Is_given_up_by_its_caller()
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.Slow = TimeSpan.FromMinutes(1);
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));

        var wrap = () => kek.WrapKeyAsync(Algorithm, Dek, patience.Token);

        await wrap.Should().ThrowAsync<OperationCanceledException>();
    }

    [Theory]
    [InlineData("https://evil.example/steal")]
    [InlineData("https://other.vault.azure.net/keys/broker-key")]
    public async Task Follows_no_redirect(string location)
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.RedirectTo = location;

        (await RefusedAsync(() => kek.WrapKeyAsync(Algorithm, Dek))).Should().Contain("redirect");

        _standIn.Strays.Should().BeEmpty();
    }

    [Theory]
    [InlineData("https://evil.example/keys/broker-key/versions?api-version=7.6")]
    [InlineData("https://other.vault.azure.net/keys/broker-key/versions?api-version=7.6")]
    [InlineData("http://HOST/keys/broker-key/versions?api-version=7.6")]
    [InlineData("https://HOST:8443/keys/broker-key/versions?api-version=7.6")]
    [InlineData("https://HOST@evil.example/keys/broker-key/versions?api-version=7.6")]
    [InlineData("https://user@HOST/keys/broker-key/versions?api-version=7.6")]
    [InlineData("https://HOST/secrets/broker-key/versions?api-version=7.6")]
    [InlineData("/keys/broker-key/versions")]
    public async Task Follows_no_link_to_more_versions_away_from_its_key(string link)
    {
        _standIn.NextLink = _ => link.Replace("HOST", _standIn.Name, StringComparison.Ordinal);
        _standIn.AddVersion();
        _standIn.AddVersion();

        await RefusedAsync(() => _vault.VersionsAsync(CancellationToken.None));

        _standIn.Strays.Should().BeEmpty();
        _standIn.CallsOf("/versions").Should().BeLessThan(3);
    }

    [Fact]
    public async Task Reads_every_page_of_versions_and_no_list_without_end()
    {
        for (var i = 0; i < 6; i++)
        {
            _standIn.AddVersion("oct-HSM");
        }

        var last = _standIn.AddVersion();
        (await _vault.VersionsAsync(CancellationToken.None)).Select(v => v.KeyId).Should().Equal(_standIn.Versions.Select(_standIn.IdOf)).And.EndWith(_standIn.IdOf(last));

        _standIn.NextLink = _ => $"https://{_standIn.Name}:443/keys/broker-key/versions?api-version=7.6";
        await UnavailableAsync(() => _vault.VersionsAsync(CancellationToken.None));
    }

    [Theory]
    [InlineData("https://evil.example/keys/broker-key/0123456789abcdef0123456789abcdef")]
    [InlineData("https://HOST/keys/other-key/0123456789abcdef0123456789abcdef")]
    [InlineData("https://HOST/keys/Broker-Key/0123456789abcdef0123456789abcdef")]
    [InlineData("https://HOST/keys/broker-key/")]
    [InlineData("https://HOST/keys/broker-key/../../secrets/0123456789abcdef")]
    [InlineData("http://HOST/keys/broker-key/0123456789abcdef0123456789abcdef")]
    public async Task Believes_no_id_of_another_key(string kid)
    {
        _standIn.Kid = _ => kid.Replace("HOST", _standIn.Name, StringComparison.Ordinal);

        await RefusedAsync(() => _vault.CurrentAsync(CancellationToken.None));
        await RefusedAsync(() => _vault.VersionsAsync(CancellationToken.None));
        await RefusedAsync(() => _vault.RotateAsync(CancellationToken.None));
        _standIn.Strays.Should().BeEmpty();
    }

    [Fact]
    public async Task Believes_no_other_version_that_says_it_wrapped_or_unwrapped()
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        var wrapped = await kek.WrapKeyAsync(Algorithm, Dek);
        _standIn.Kid = _ => _standIn.IdOf(_standIn.Versions[0])[..^1] + "!";

        await RefusedAsync(() => kek.WrapKeyAsync(Algorithm, Dek));
        await RefusedAsync(() => kek.UnwrapKeyAsync(Algorithm, wrapped));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>")]
    [InlineData("[]")]
    [InlineData("""{"kid":"KID"}""")]
    [InlineData("""{"kid":"KID","value":null}""")]
    [InlineData("""{"kid":"KID","value":""}""")]
    [InlineData("""{"kid":"KID","value":"AA+/"}""")]
    [InlineData("""{"kid":"KID","value":"A"}""")]
    [InlineData("""{"kid":"KID","value":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}""")]
    public async Task Stores_nothing_that_is_no_wrapped_key(string answer)
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.Garbage = answer;

        var wrap = () => kek.WrapKeyAsync(Algorithm, Dek);

        var thrown = (await wrap.Should().ThrowAsync<Exception>()).Which;
        (thrown is VaultUnavailableException or VaultRefusedException).Should().BeTrue(thrown.ToString());
    }

    [Fact]
    public async Task Reads_no_answer_without_end()
    {
        var kek = await _vault.CurrentAsync(CancellationToken.None);
        _standIn.Faults.Garbage = $$"""{"kid":"KID","value":"{{new string('A', VaultTransport.LongestAnswer * 2)}}"}""";

        await UnavailableAsync(() => kek.WrapKeyAsync(Algorithm, Dek));
    }

    [Fact]
    public async Task Finds_no_key_or_version_that_is_not_there()
    {
        var missing = _standIn.Open(settings => settings.Azure!.KeyId = $"https://{_standIn.Name}/keys/missing");
        var current = () => missing.CurrentAsync(CancellationToken.None);
        (await current.Should().ThrowAsync<KeyNotFoundException>()).Which.Message.Should().Contain("missing");

        var kek = await _vault.ResolveAsync($"https://{_standIn.Name}/keys/broker-key/0123456789abcdef0123456789abcdef", CancellationToken.None);
        var unwrap = () => kek.UnwrapKeyAsync(Algorithm, new byte[256]);
        await unwrap.Should().ThrowAsync<KeyNotFoundException>();
    }

    [Theory]
    [InlineData(null)]
    [InlineData("http://name.vault.azure.net/keys/key")]
    [InlineData("https://name.vault.azure.net/keys/key/0123456789abcdef0123456789abcdef")]
    [InlineData("https://name.vault.azure.net/secrets/key")]
    [InlineData("https://name.vault.azure.net:8443/keys/key")]
    [InlineData("https://user@name.vault.azure.net/keys/key")]
    [InlineData("https://127.0.0.1/keys/key")]
    public void Is_made_of_no_other_address(string? keyId)
    {
        var open = () => _standIn.Open(settings => settings.Azure!.KeyId = keyId);

        open.Should().Throw<InvalidOperationException>().WithMessage("Vault:Azure:KeyId*without a version*");
    }

    [Fact]
    public async Task Opens_no_record_that_was_made_with_the_public_key_alone()
    {
        using var recordKey = Secret.Random(32);
        using var vault = new Vault([_vault], TimeSpan.FromSeconds(10), TimeProvider.System);
        var broker = new Envelopes(vault, _ => ValueTask.FromResult(recordKey));
        var binding = new EnvelopeBinding("user-1", "key-1", "openai");

        // One who can write the database, and knows the public half, but not the broker's record key.
        using var guessed = Secret.Random(32);
        using var mine = Secret.FromText("sk-an-attackers-own-key");
        using var publicHalf = new PublicHalf(_standIn.IdOf(_standIn.Versions[0]), _standIn.Versions[0].Public, _vault);
        using var theirs = new Vault([publicHalf], TimeSpan.FromSeconds(10), TimeProvider.System);
        var forged = await new Envelopes(theirs, _ => ValueTask.FromResult(guessed)).SealAsync(mine, binding, CancellationToken.None);

        (await vault.UnwrapAsync(EnvelopeFormat.Read(forged).Wrapped, binding, CancellationToken.None)).Length.Should().Be(32, "the vault does unwrap it");
        var open = () => broker.OpenAsync(forged, binding, CancellationToken.None);
        (await open.Should().ThrowAsync<CryptographicException>()).Which.Message.Should().Contain("not sealed by this data key");
    }

    [Fact]
    public void Is_stood_in_for_by_the_key_wrap_of_the_RFC()
    {
        // RFC 3394, section 4.6.
        var kek = Convert.FromHexString("000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F");
        var key = Convert.FromHexString("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F");
        var wrapped = Convert.FromHexString("28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21");

        AzureStandInKey.KeyWrap(kek, key).Should().Equal(wrapped);
        AzureStandInKey.KeyUnwrap(kek, wrapped).Should().Equal(key);
    }

    private static async Task<string> RefusedAsync<T>(Func<Task<T>> call) => (await call.Should().ThrowAsync<VaultRefusedException>()).Which.Message;

    private static async Task<VaultUnavailableException> UnavailableAsync<T>(Func<Task<T>> call) => (await call.Should().ThrowAsync<VaultUnavailableException>()).Which;

    /// <summary>What an attacker has of the KEK.</summary>
    private sealed class PublicHalf(string id, RSAParameters key, IKeyVault vault) : IKeyVault, IKeyEncryptionKey, IDisposable
    {
        private readonly RSA _rsa = RSA.Create(key);

        public string KeyId => id;

        public string Kind => vault.Kind;

        public string Algorithm => vault.Algorithm;

        public bool Holds(string keyId) => vault.Holds(keyId);

        public Task<IKeyEncryptionKey> CurrentAsync(CancellationToken cancellationToken) => Task.FromResult<IKeyEncryptionKey>(this);

        public Task<byte[]> WrapKeyAsync(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) =>
            Task.FromResult(WrapKey(algorithm, key, cancellationToken));

        public byte[] WrapKey(string algorithm, ReadOnlyMemory<byte> key, CancellationToken cancellationToken = default) => _rsa.Encrypt(key.Span, RSAEncryptionPadding.OaepSHA256);

        public void Dispose() => _rsa.Dispose();

        public byte[] UnwrapKey(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<byte[]> UnwrapKeyAsync(string algorithm, ReadOnlyMemory<byte> encryptedKey, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public IKeyEncryptionKey Resolve(string keyId, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task<IKeyEncryptionKey> ResolveAsync(string keyId, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public Task RetireAsync(string keyId, CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<string> RotateAsync(CancellationToken cancellationToken) => throw new NotSupportedException();

        public Task<IReadOnlyList<KekVersion>> VersionsAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
    }
}
