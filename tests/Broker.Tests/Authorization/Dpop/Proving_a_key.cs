using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Dpop;

/// <summary>
/// A refresh token that is bound to no key: what a proof with it is refused for lies in the proof alone. Refusals use up
/// nothing, so that all tests try with the same one.
/// </summary>
public sealed class UnboundRefreshToken(SharedBroker shared) : IAsyncLifetime
{
    private Person _person = null!;

    public Prover Prover { get; } = new(shared.Host);

    public string Value { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        _person = await Person.WithKeyAsync(shared.Host);
        var app = await Prover.AppAsync(BrokerHost.AppId);
        Value = (await app.ConnectAsync(_person)).RefreshToken;
    }

    public ValueTask DisposeAsync()
    {
        _person.Dispose();
        return default;
    }
}

/// <summary>Checklist 9 at the token endpoint: RFC 9449, section 4.3.</summary>
[Trait("Checklist", "9")]
public sealed class Proving_a_key(SharedBroker shared, UnboundRefreshToken token) : IClassFixture<UnboundRefreshToken>
{
    private BrokerHost Broker => shared.Host;

    public static IEnumerable<TheoryDataRow<string>> Changes => Mutations.Names;

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Is_refused_when_one_thing_is_changed(string change)
    {
        var app = await token.Prover.AppAsync(BrokerHost.AppId, Mutations.Of(change));

        using var response = await app.RefreshAsync(token.Value);

        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        (await OAuthApp.ErrorAsync(response)).Should().Be("invalid_dpop_proof");
    }

    [Theory]
    [InlineData("ES256")]
    [InlineData("ES384")]
    [InlineData("RS256")]
    [InlineData("PS256")]
    public async Task Is_accepted_with_each_announced_algorithm(string algorithm)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = await new Prover(Broker, SigningKey.New(algorithm)).AppAsync();

        var tokens = await app.ConnectAsync(person);

        tokens.Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
    }

    /// <summary>RFC 9449, section 4.3, number 9: normalised as RFC 3986 has it, query and fragment aside.</summary>
    [Theory]
    [InlineData("http://localhost", "HTTP://LOCALHOST")]
    [InlineData("/connect/token", "/connect/token?x=1")]
    [InlineData("/connect/token", "/connect/token#here")]
    [InlineData("/connect/token", "/connect/./token")]
    [InlineData("/connect/token", "/connect/x/../token")]
    [InlineData("/connect/token", "/connect/%74oken")]
    public async Task Takes_the_address_in_its_other_spellings(string from, string to)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var app = await new Prover(Broker).AppAsync(change: d => d.Payload["htu"] = d.Payload["htu"]!.GetValue<string>().Replace(from, to, StringComparison.Ordinal));

        var tokens = await app.ConnectAsync(person);

        tokens.Raw.GetProperty("token_type").GetString().Should().Be("DPoP");
    }

    [Fact]
    public async Task Is_asked_for_with_a_nonce_of_this_endpoint()
    {
        var prover = new Prover(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var access = (await (await prover.AppAsync()).ConnectAsync(person)).AccessToken;
        (await prover.CallAsync(access)).StatusCode.Should().Be(HttpStatusCode.OK);
        foreach (var nonce in (string?[])[null, "", "nonce", prover.GatewayNonce, prover.ServerNonce![..^1], new string('n', 2_000)])
        {
            var app = await prover.AppAsync(BrokerHost.AppId, d =>
            {
                d.Payload.Remove("nonce");
                if (nonce is not null)
                {
                    d.Payload["nonce"] = nonce;
                }
            });

            using var response = await app.RefreshAsync(token.Value);

            response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
            (await OAuthApp.ErrorAsync(response)).Should().Be("use_dpop_nonce", "the nonce was '{0}'", nonce);
            Prover.NonceOf(response).Should().NotBeNullOrEmpty();
            response.Headers.CacheControl!.NoStore.Should().BeTrue();
        }
    }

    [Fact]
    public async Task Is_refused_in_two_headers()
    {
        var proofs = Enumerable.Range(0, 2).Select(_ => token.Prover.Draft("POST", "/connect/token", token.Prover.ServerNonce).ToString()).ToList();
        var form = $"grant_type=refresh_token&client_id={BrokerHost.AppId}&client_secret={Uri.EscapeDataString(BrokerHost.AppSecret)}&refresh_token={token.Value}";

        var answer = await RawHttp.SendAsync(
            Broker,
            "POST /connect/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            + $"DPoP: {proofs[0]}\r\nDPoP: {proofs[1]}\r\nContent-Length: {form.Length}\r\n\r\n{form}");

        answer.Status.Should().Be(400);
        answer.Text.Should().Contain("invalid_dpop_proof");
    }

    [Fact]
    public async Task Is_not_swayed_by_the_host_header()
    {
        var proof = token.Prover.Draft("POST", "/connect/token", token.Prover.ServerNonce);
        proof.Payload["htu"] = "http://elsewhere.example/connect/token";
        var form = $"grant_type=refresh_token&client_id={BrokerHost.AppId}&client_secret={Uri.EscapeDataString(BrokerHost.AppSecret)}&refresh_token={token.Value}";

        var answer = await RawHttp.SendAsync(
            Broker,
            "POST /connect/token HTTP/1.1\r\nHost: elsewhere.example\r\nX-Forwarded-Host: elsewhere.example\r\nConnection: close\r\n"
            + $"Content-Type: application/x-www-form-urlencoded\r\nDPoP: {proof}\r\nContent-Length: {form.Length}\r\n\r\n{form}");

        answer.Status.Should().Be(400);
        answer.Text.Should().Contain("invalid_dpop_proof");
    }

    [Fact]
    public async Task Works_once()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var app = await prover.AppAsync(change: d => d.Payload["jti"] = "the-same");
        var tokens = await app.ConnectAsync(person);

        using var again = await app.RefreshAsync(tokens.RefreshToken);

        (await OAuthApp.ErrorAsync(again)).Should().Be("invalid_dpop_proof");
        using var other = await (await prover.AppAsync()).RefreshAsync(tokens.RefreshToken);
        other.StatusCode.Should().Be(HttpStatusCode.OK, "a new proof is another matter, and nothing was used up");
    }

    [Fact]
    public async Task Works_once_of_twenty_at_a_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        var proof = prover.Draft("POST", "/connect/token", prover.ServerNonce).ToString();
        var app = new OAuthApp(Broker, BrokerHost.PublicAppId) { OnSend = request => request.Headers.TryAddWithoutValidation("DPoP", proof) };

        // Retries of a refresh would be answered alike: of the same proof, only one may be.
        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => app.RefreshAsync(tokens.RefreshToken)));

        responses.Count(r => r.StatusCode == HttpStatusCode.OK).Should().Be(1);
        foreach (var refused in responses.Where(r => r.StatusCode != HttpStatusCode.OK))
        {
            (await OAuthApp.ErrorAsync(refused)).Should().Be("invalid_dpop_proof");
        }
    }

    [Fact]
    public async Task Counts_a_value_once_for_each_key()
    {
        using var one = await Person.WithKeyAsync(Broker);
        foreach (var prover in (Prover[])[new(Broker), new(Broker)])
        {
            var app = await prover.AppAsync(change: d => d.Payload["jti"] = "shared-by-two-keys");
            (await app.ConnectAsync(one)).AccessToken.Should().NotBeEmpty();
        }
    }

    [Fact]
    public async Task Leaves_no_row_of_a_request_that_is_refused_for_something_else()
    {
        var prover = new Prover(Broker);
        using var person = await Person.WithKeyAsync(Broker);
        var app = await prover.AppAsync(change: d => d.Payload["jti"] = "kept-for-later");

        using var refused = await app.RefreshAsync("no-such-token");
        (await OAuthApp.ErrorAsync(refused)).Should().Be("invalid_grant");

        (await app.ConnectAsync(person)).AccessToken.Should().NotBeEmpty("the value was not used up");
    }
}
