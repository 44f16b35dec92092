using System.Net;
using System.Security.Cryptography;
using System.Text;
using TokenBroker.Tests.Authorization.Dpop;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

/// <summary>Somebody who connected an app that proves a key.</summary>
public sealed class BoundToken(SharedBroker shared) : IAsyncLifetime
{
    private Person _person = null!;

    public Prover Prover { get; } = new(shared.Host);

    public string Key { get; } = BrokerHost.NewKey();

    public Tokens Tokens { get; private set; } = null!;

    public string Value => Tokens.AccessToken;

    public async ValueTask InitializeAsync()
    {
        _person = await Person.WithKeyAsync(shared.Host, Key);
        Tokens = await (await Prover.AppAsync()).ConnectAsync(_person);
        (await Prover.CallAsync(Value)).StatusCode.Should().Be(HttpStatusCode.OK, "the token is now known, and a nonce is here");
    }

    public ValueTask DisposeAsync()
    {
        _person.Dispose();
        return default;
    }
}

/// <summary>Checklist 9 at the gateway: RFC 9449, section 7. The token is in memory, where no proof may be forgotten.</summary>
[Trait("Checklist", "9")]
public sealed class Calling_with_a_bound_token(SharedBroker shared, BoundToken token) : IClassFixture<BoundToken>
{
    private BrokerHost Broker => shared.Host;

    public static IEnumerable<TheoryDataRow<string>> Changes => Mutations.Names;

    [Theory]
    [MemberData(nameof(Changes))]
    public async Task Refuses_a_proof_with_one_thing_changed(string change)
    {
        using var response = await token.Prover.CallAsync(token.Value, change: Mutations.Of(change));

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().BeOneOf(["invalid_dpop_proof", "invalid_token"], "another key is a matter of the token");
        response.Headers.WwwAuthenticate.Should().Contain(h => h.Scheme == "DPoP" && h.Parameter!.Contains("error="))
            .And.Contain(h => h.Scheme == "Bearer" && !h.Parameter!.Contains("error="));
    }

    [Theory]
    [InlineData("left out")]
    [InlineData("another token")]
    [InlineData("padded")]
    [InlineData("the token itself")]
    [InlineData("a number")]
    public async Task Refuses_a_proof_for_another_token(string change)
    {
        using var response = await token.Prover.CallAsync(token.Value, change: d =>
        {
            var ath = d.Payload["ath"]!.GetValue<string>();
            d.Payload.Remove("ath");
            switch (change)
            {
                case "another token":
                    d.Payload["ath"] = SigningKey.Encode(SHA256.HashData(Encoding.ASCII.GetBytes(token.Tokens.RefreshToken)));
                    break;
                case "padded":
                    d.Payload["ath"] = ath + "=";
                    break;
                case "the token itself":
                    d.Payload["ath"] = token.Value;
                    break;
                case "a number":
                    d.Payload["ath"] = 5;
                    break;
            }
        });

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_dpop_proof");
    }

    [Fact]
    public async Task Refuses_the_token_as_a_bearer_token()
    {
        using var bare = await new Api(Broker, token.Value).GetAsync("/models");
        using var withProof = await token.Prover.CallAsync(token.Value, scheme: "Bearer");

        foreach (var response in (HttpResponseMessage[])[bare, withProof])
        {
            response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
            (await Api.ErrorAsync(response)).Code.Should().Be("invalid_token");
            response.Headers.WwwAuthenticate.Should().ContainSingle(h => h.Scheme == "DPoP" && h.Parameter!.Contains("error=\"invalid_token\"") && h.Parameter.Contains("algs="));
        }
    }

    [Fact]
    public async Task Refuses_the_token_as_a_bearer_token_at_its_first_use_too()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var tokens = await (await new Prover(Broker).AppAsync()).ConnectAsync(person);

        using var response = await new Api(Broker, tokens.AccessToken).GetAsync("/models");

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_token");
    }

    [Fact]
    public async Task Refuses_a_bearer_token_by_the_scheme_of_bound_ones()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var bearer = (await new OAuthApp(Broker).ConnectAsync(person)).AccessToken;

        using var response = await token.Prover.CallAsync(bearer);

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_token");
    }

    [Fact]
    public async Task Refuses_another_key()
    {
        var thief = new Prover(Broker) { GatewayNonce = token.Prover.GatewayNonce };

        using var response = await thief.CallAsync(token.Value);

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_token");
    }

    [Fact]
    public async Task Refuses_a_call_without_a_proof_and_hands_out_a_nonce()
    {
        using var response = await token.Prover.SendAsync(token.Value, "/models", proof: null);

        response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(response)).Code.Should().Be("invalid_dpop_proof");
        Prover.NonceOf(response).Should().NotBeNull();
    }

    [Fact]
    public async Task Asks_for_a_nonce_of_the_gateway()
    {
        foreach (var nonce in (string?[])[null, "", "nonce", token.Prover.ServerNonce, new string('n', 1_000)])
        {
            var draft = token.Prover.Draft("GET", "/openai/v1/models", nonce, token.Value);

            using var response = await token.Prover.SendAsync(token.Value, "/models", draft.ToString());

            response.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
            (await Api.ErrorAsync(response)).Code.Should().Be("use_dpop_nonce", "the nonce was '{0}'", nonce);
            response.Headers.WwwAuthenticate.Should().ContainSingle(h => h.Scheme == "DPoP" && h.Parameter!.Contains("error=\"use_dpop_nonce\""));
            Prover.NonceOf(response).Should().NotBeNull();
        }
    }

    [Fact]
    public async Task Refuses_a_proof_in_two_headers()
    {
        var proofs = Enumerable.Range(0, 2).Select(_ => token.Prover.Draft("GET", "/openai/v1/models", token.Prover.GatewayNonce, token.Value).ToString()).ToList();

        var answer = await SendRawAsync("localhost", $"DPoP: {proofs[0]}\r\nDPoP: {proofs[1]}\r\n");

        answer.Status.Should().Be(401);
        answer.Text.Should().Contain("invalid_dpop_proof");
    }

    [Fact]
    public async Task Is_not_swayed_by_the_host_header()
    {
        var foreign = token.Prover.Draft("GET", "/openai/v1/models", token.Prover.GatewayNonce, token.Value);
        foreign.Payload["htu"] = "http://elsewhere.example/openai/v1/models";
        (await SendRawAsync("elsewhere.example", $"X-Forwarded-Host: elsewhere.example\r\nDPoP: {foreign}\r\n")).Status.Should().Be(401);

        var own = token.Prover.Draft("GET", "/openai/v1/models", token.Prover.GatewayNonce, token.Value);
        (await SendRawAsync("elsewhere.example", $"DPoP: {own}\r\n")).Status.Should().Be(200, "the public address counts, whatever a proxy makes of the host");
    }

    [Fact]
    public async Task Takes_a_proof_once()
    {
        var proof = token.Prover.Draft("GET", "/openai/v1/models", token.Prover.GatewayNonce, token.Value).ToString();
        (await token.Prover.SendAsync(token.Value, "/models", proof)).StatusCode.Should().Be(HttpStatusCode.OK);

        using var again = await token.Prover.SendAsync(token.Value, "/models", proof);

        again.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(again)).Code.Should().Be("invalid_dpop_proof");
    }

    [Fact]
    public async Task Takes_a_proof_once_of_twenty_at_a_time()
    {
        var proof = token.Prover.Draft("GET", "/openai/v1/models", token.Prover.GatewayNonce, token.Value).ToString();

        var responses = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => token.Prover.SendAsync(token.Value, "/models", proof)));

        responses.Count(r => r.StatusCode == HttpStatusCode.OK).Should().Be(1);
        responses.Count(r => r.StatusCode == HttpStatusCode.Unauthorized).Should().Be(19);
    }

    [Fact]
    public async Task Sends_the_provider_neither_token_nor_proof()
    {
        (await token.Prover.CallAsync(token.Value, "/models/gpt-4o-mini")).StatusCode.Should().Be(HttpStatusCode.OK);

        var received = await Broker.Journal.WaitForAsync(e => e.Key == token.Key && e.Path == "/v1/models/gpt-4o-mini", TimeSpan.FromSeconds(30));
        received.Headers.Should().NotContain(h => h.Key.StartsWith("DPoP", StringComparison.OrdinalIgnoreCase));
        received.Headers.SelectMany(h => h.Value.ToString()).Should().NotBeEmpty();
        string.Join('\n', received.Headers.Select(h => h.Value.ToString())).Should().NotContain(token.Value);
    }

    [Fact]
    public async Task Refuses_what_it_could_not_remember()
    {
        await using var broker = await BrokerHost.StartAsync(new() { ["Gateway:MostProofs"] = "64" });
        using var person = await Person.WithKeyAsync(broker);
        var prover = new Prover(broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        var answers = new List<HttpResponseMessage>();
        for (var i = 0; i < 200; i++)
        {
            answers.Add(await prover.CallAsync(tokens.AccessToken));
        }

        answers.Count(a => a.StatusCode == HttpStatusCode.OK).Should().BeInRange(1, 64);
        var refused = answers.Where(a => a.StatusCode != HttpStatusCode.OK).ToList();
        refused.Should().OnlyContain(a => a.StatusCode == HttpStatusCode.ServiceUnavailable && a.Headers.RetryAfter != null);
        (await Api.ErrorAsync(refused[0])).Code.Should().Be("too_many_proofs");
    }

    private Task<RawAnswer> SendRawAsync(string hostHeader, string headers) => RawHttp.SendAsync(
        Broker,
        $"GET /openai/v1/models HTTP/1.1\r\nHost: {hostHeader}\r\nAuthorization: DPoP {token.Value}\r\nConnection: close\r\n{headers}\r\n");
}
