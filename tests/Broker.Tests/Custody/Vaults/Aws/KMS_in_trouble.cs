using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using Amazon.Runtime;
using TokenBroker.Custody;
using TokenBroker.Custody.Vaults;
using TokenBroker.Custody.Vaults.Aws;

namespace TokenBroker.Tests.Custody.Vaults.Aws;

/// <summary>Each error of KMS is told apart, over real HTTP; and the stand-in is as strict as these tests take it to be.</summary>
[Trait("Checklist", "15")]
public sealed class KMS_in_trouble : IAsyncLifetime
{
    private static readonly EnvelopeBinding Mine = new("user", "record", "openai");
    private readonly byte[] _dek = RandomNumberGenerator.GetBytes(32);
    private KmsStandIn _kms = null!;
    private AwsVault _vault = null!;
    private IBoundKeyEncryptionKey _kek = null!;
    private byte[] _wrapped = [];

    private static CancellationToken None => CancellationToken.None;

    public async ValueTask InitializeAsync()
    {
        _kms = await KmsStandIn.StartAsync();
        _vault = _kms.Vault();
        _kek = (IBoundKeyEncryptionKey)await _vault.CurrentAsync(None);
        _wrapped = await _kek.WrapKeyAsync(AwsKek.Algorithm, _dek, Mine, None);
    }

    public async ValueTask DisposeAsync()
    {
        _vault.Dispose();
        await _kms.DisposeAsync();
    }

    [Theory]
    [InlineData("ThrottlingException", 400)]
    [InlineData("KMSInternalException", 500)]
    [InlineData("DependencyTimeoutException", 503)]
    [InlineData("KeyUnavailableException", 500)]
    [InlineData("SomethingNewException", 502)]
    public async Task Is_unavailable_and_tried_no_more_than_twice(string type, int status)
    {
        _kms.Faults.Error = (type, status);
        _kms.Asked.Clear();

        await UnwrappingAsync().Should().ThrowAsync<VaultUnavailableException>().WithMessage($"*{type}*");

        _kms.Asked.Should().HaveCountLessThanOrEqualTo(2, "the pause between tries is the caller's");
        _kms.Faults.Error = null;
        (await UnwrappingAsync()()).Should().Equal(_dek, "it is over at once when KMS answers");
    }

    [Theory]
    [InlineData("AccessDeniedException", 400)]
    [InlineData("DisabledException", 400)]
    [InlineData("KMSInvalidStateException", 400)]
    [InlineData("ExpiredTokenException", 400)]
    [InlineData("UnrecognizedClientException", 400)]
    [InlineData("InvalidKeyUsageException", 400)]
    [InlineData("SomethingNewException", 403)]
    public async Task Is_a_refusal(string type, int status)
    {
        _kms.Faults.Error = (type, status);

        await UnwrappingAsync().Should().ThrowAsync<VaultRefusedException>().WithMessage("*told to*");
        await _vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>();
    }

    [Fact]
    public async Task Is_unavailable_while_connections_are_cut_or_refused()
    {
        _kms.Faults.Down = true;
        await UnwrappingAsync().Should().ThrowAsync<VaultUnavailableException>();
        using var nobody = _kms.Vault(url: "http://127.0.0.1:9");
        await nobody.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultUnavailableException>();

        _kms.Faults.Down = false;

        (await UnwrappingAsync()()).Should().Equal(_dek);
    }

    [Fact]
    public async Task Recovers_from_one_throttled_call_by_itself()
    {
        _kms.Faults.Throttle(1);

        (await UnwrappingAsync()()).Should().Equal(_dek);
    }

    [Fact]
    public async Task Lets_a_caller_go_who_waits_no_longer()
    {
        _kms.Faults.Gate = new TaskCompletionSource().Task;
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(50));

        await _kek.Awaiting(k => k.UnwrapKeyAsync(AwsKek.Algorithm, _wrapped, Mine, patience.Token)).Should().ThrowAsync<OperationCanceledException>();
    }

    [Fact]
    public async Task Says_when_the_key_is_not_there()
    {
        var gone = await _vault.ResolveAsync(_kms.Current.Arn[..^12] + "000000000000", None);
        using var noAlias = _kms.Vault(keyId: KmsStandIn.ConfiguredArn + "-other");

        await gone.Awaiting(k => k.UnwrapKeyAsync(AwsKek.Algorithm, _wrapped, None)).Should().ThrowAsync<KeyNotFoundException>();
        await noAlias.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<KeyNotFoundException>().WithMessage("*-other*");
    }

    [Fact]
    public async Task Uses_no_key_of_another_kind()
    {
        _kms.Current.Spec = "RSA_4096";

        await _vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*symmetric*");
    }

    [Fact]
    public async Task Uses_no_key_that_is_disabled_or_about_to_be_deleted_until_it_is_back()
    {
        foreach (var state in (string[])["Disabled", "PendingDeletion"])
        {
            _kms.Current.State = state;
            await UnwrappingAsync().Should().ThrowAsync<VaultRefusedException>();
            await _kek.Awaiting(k => k.WrapKeyAsync(AwsKek.Algorithm, _dek, Mine, None)).Should().ThrowAsync<VaultRefusedException>();
            _kms.Current.State = "Enabled";
            (await UnwrappingAsync()()).Should().Equal(_dek);
        }
    }

    [Fact]
    public async Task Is_a_refusal_where_the_credentials_are_wrong_unknown_or_expired()
    {
        foreach (var (credentials, error) in ((AWSCredentials, string)[])[(KmsStandIn.WrongSecret, "InvalidSignature"), (KmsStandIn.UnknownUser, "UnrecognizedClient"), (KmsStandIn.Expired, "ExpiredToken")])
        {
            using var vault = _kms.Vault(credentials);

            await vault.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage($"*credentials*{error}*");
        }
    }

    [Fact]
    public async Task Is_a_refusal_where_the_clocks_are_apart()
    {
        _kms.Skew = TimeSpan.FromMinutes(20);

        await UnwrappingAsync().Should().ThrowAsync<VaultRefusedException>().WithMessage("*clock*");
    }

    [Fact]
    public async Task Is_a_refusal_where_the_region_is_another()
    {
        using var elsewhere = _kms.Vault(keyId: KmsStandIn.ConfiguredArn.Replace(KmsStandIn.Region, "eu-west-1"));

        await elsewhere.Awaiting(v => v.CurrentAsync(None)).Should().ThrowAsync<VaultRefusedException>().WithMessage("*scoped*");
    }

    [Fact]
    public async Task Answers_nobody_without_a_signature()
    {
        using var http = new HttpClient { BaseAddress = new Uri(_kms.Url) };

        (await PostAsync(http, "TrentService.DescribeKey", null)).Should().Be((HttpStatusCode.BadRequest, "MissingAuthenticationTokenException"));
        (await PostAsync(http, "TrentService.DescribeKey", "AWS4-HMAC-SHA256 nonsense")).Should().Be((HttpStatusCode.BadRequest, "IncompleteSignatureException"));
    }

    [Fact]
    public void Is_not_configured_by_halves()
    {
        static string? Complaint(string keyId, string? region = null, string? url = null) => AwsOptions.ComplaintOf(new AwsOptions { KeyId = keyId, Region = region, ServiceUrl = url });

        AwsOptions.ComplaintOf(null).Should().Contain("Vault:Aws");
        Complaint(KmsStandIn.ConfiguredArn, KmsStandIn.Region, "https://vpce.example").Should().BeNull();
        Complaint(KmsStandIn.ConfiguredArn, null, "http://127.0.0.1:4566").Should().BeNull();
        foreach (var keyId in (string[])["", "alias/tokenbroker", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:s3:eu-central-1:1:key/a", "arn:aws:kms::1:key/a", "arn:aws:kms:eu-central-1:1:key/", "arn:aws:kms:eu-central-1:1:grant/a"])
        {
            Complaint(keyId).Should().Contain("ARN", keyId);
        }

        Complaint(KmsStandIn.ConfiguredArn, "eu-west-1").Should().Contain("Region");
        Complaint(KmsStandIn.ConfiguredArn, null, "http://kms.example").Should().Contain("https");
        Complaint(KmsStandIn.ConfiguredArn, null, "nonsense").Should().Contain("https");
    }

    private Func<Task<byte[]>> UnwrappingAsync() => () => _kek.UnwrapKeyAsync(AwsKek.Algorithm, _wrapped, Mine, None);

    private static async Task<(HttpStatusCode, string)> PostAsync(HttpClient http, string target, string? authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/") { Content = new StringContent("{}", new MediaTypeHeaderValue("application/x-amz-json-1.1")) };
        request.Headers.TryAddWithoutValidation("X-Amz-Target", target);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        using var response = await http.SendAsync(request);
        using var answer = System.Text.Json.JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return (response.StatusCode, answer.RootElement.GetProperty("__type").GetString()!);
    }
}
