using System.Net;
using Microsoft.Extensions.Time.Testing;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization.Dpop;

/// <summary>A broker whose clock stands still unless a test moves it.</summary>
public sealed class ClockedBroker : IAsyncLifetime
{
    // A whole second: "10 seconds ahead" is then not a fraction more.
    public FakeTimeProvider Clock { get; } = new(DateTimeOffset.FromUnixTimeSeconds(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds()));

    public BrokerHost Host { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Host = await BrokerHost.StartAsync(clock: Clock);

    public ValueTask DisposeAsync() => Host.DisposeAsync();
}

/// <summary>Checklist 9: ±10 s accepted, over 60 s refused; and the age of nonces. The tests run one after the other.</summary>
[Trait("Checklist", "9")]
public sealed class The_age_of_a_proof(ClockedBroker clocked) : IClassFixture<ClockedBroker>
{
    private BrokerHost Broker => clocked.Host;

    [Theory]
    [InlineData(-60, true)]
    [InlineData(-10, true)]
    [InlineData(0, true)]
    [InlineData(10, true)]
    [InlineData(11, false)]
    [InlineData(-61, false)]
    [InlineData(-3600, false)]
    [InlineData(3600, false)]
    public async Task Decides_at_the_token_endpoint_and_at_the_gateway(int seconds, bool isTaken)
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        void Change(ProofDraft draft) => draft.Payload["iat"] = draft.Payload["iat"]!.GetValue<long>() + seconds;

        using var refresh = await (await prover.AppAsync(change: Change)).RefreshAsync(tokens.RefreshToken);
        using var call = await prover.CallAsync(tokens.AccessToken, change: Change);

        refresh.StatusCode.Should().Be(isTaken ? HttpStatusCode.OK : HttpStatusCode.BadRequest);
        call.StatusCode.Should().Be(isTaken ? HttpStatusCode.OK : HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Is_remembered_for_as_long_as_it_could_be_used_again()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        (await prover.CallAsync(tokens.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);
        var proof = prover.Draft("GET", "/openai/v1/models", prover.GatewayNonce, tokens.AccessToken);
        proof.Payload["iat"] = proof.Payload["iat"]!.GetValue<long>() + 10;
        var sent = proof.ToString();
        (await prover.SendAsync(tokens.AccessToken, "/models", sent)).StatusCode.Should().Be(HttpStatusCode.OK);

        foreach (var step in (int[])[0, 35, 34, 1, 1])
        {
            clocked.Clock.Advance(TimeSpan.FromSeconds(step));
            (await prover.SendAsync(tokens.AccessToken, "/models", sent)).StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task Is_checked_with_a_nonce_of_five_minutes_that_is_renewed_in_time()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        using var young = await prover.CallAsync(tokens.AccessToken);
        young.StatusCode.Should().Be(HttpStatusCode.OK);
        Prover.NonceOf(young).Should().BeNull("the nonce is good for a while");

        clocked.Clock.Advance(TimeSpan.FromMinutes(3.5));
        using var ageing = await prover.CallAsync(tokens.AccessToken);
        ageing.StatusCode.Should().Be(HttpStatusCode.OK);
        Prover.NonceOf(ageing).Should().NotBeNull().And.NotBe(prover.GatewayNonce);
        using var refresh = await (await prover.AppAsync()).RefreshAsync(tokens.RefreshToken);
        refresh.StatusCode.Should().Be(HttpStatusCode.OK);
        Prover.NonceOf(refresh).Should().NotBeNull().And.NotBe(prover.ServerNonce);

        clocked.Clock.Advance(TimeSpan.FromMinutes(1.6));
        using var old = await prover.CallAsync(tokens.AccessToken);
        old.StatusCode.Should().Be(HttpStatusCode.Unauthorized);
        (await Api.ErrorAsync(old)).Code.Should().Be("use_dpop_nonce");
        Prover.NonceOf(old).Should().NotBeNull();
        using var late = await (await prover.AppAsync()).RefreshAsync(tokens.RefreshToken);
        (await OAuthApp.ErrorAsync(late)).Should().Be("use_dpop_nonce");

        (prover.GatewayNonce, prover.ServerNonce) = (Prover.NonceOf(ageing), Prover.NonceOf(refresh));
        (await prover.CallAsync(tokens.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Is_checked_with_nonces_that_end_with_the_gateways_process_and_outlive_it_at_the_server()
    {
        using var person = await Person.WithKeyAsync(Broker);
        var prover = new Prover(Broker);
        var tokens = await (await prover.AppAsync()).ConnectAsync(person);
        (await prover.CallAsync(tokens.AccessToken)).StatusCode.Should().Be(HttpStatusCode.OK);
        var used = prover.Draft("GET", "/openai/v1/models", prover.GatewayNonce, tokens.AccessToken).ToString();
        (await prover.SendAsync(tokens.AccessToken, "/models", used)).StatusCode.Should().Be(HttpStatusCode.OK);

        await Broker.RestartBrokerAsync();

        using var replay = await prover.SendAsync(tokens.AccessToken, "/models", used);
        replay.StatusCode.Should().Be(HttpStatusCode.Unauthorized, "the memory of used proofs is gone, and so must be the nonces");
        (await Api.ErrorAsync(replay)).Code.Should().Be("use_dpop_nonce");
        using var refresh = await (await prover.AppAsync()).RefreshAsync(tokens.RefreshToken);
        refresh.StatusCode.Should().Be(HttpStatusCode.OK);
    }
}
