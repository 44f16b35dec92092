using System.ClientModel;
using TokenBroker.Sdk;

namespace TokenBroker.Tests;

/// <summary>An app tests what it shows for each refusal without a broker, so each exception can be made.</summary>
public sealed class Errors_in_an_apps_own_tests
{
    private static readonly Uri Portal = new("https://broker.example/");

    public static TheoryData<TokenBrokerException, string, int> All => new()
    {
        { new ConsentRequiredException("m"), "consent_required", 401 },
        { new GrantRevokedException("m", Portal), "grant_revoked", 401 },
        { new GrantPausedException("m", Portal), "grant_paused", 403 },
        { new BudgetExhaustedException("m", Portal), "budget_exhausted", 402 },
        { new InsufficientScopeException("m", Portal), "insufficient_scope", 403 },
        { new ModelNotAllowedException("m", Portal), "model_not_allowed", 403 },
        { new RateLimitedException("m", TimeSpan.FromSeconds(3)), "rate_limited", 429 },
        { new TokenBrokerException("upstream_unavailable", "m", 502, Portal), "upstream_unavailable", 502 },
    };

    [Theory]
    [MemberData(nameof(All), DisableDiscoveryEnumeration = true)]
    public void Can_be_made_as_the_sdk_throws_them(TokenBrokerException exception, string code, int status)
    {
        exception.Should().BeAssignableTo<ClientResultException>();
        (exception.Code, exception.Status, exception.Message).Should().Be((code, status, "m"));
        (exception.PortalUrl is null || exception.PortalUrl == Portal).Should().BeTrue();
    }

    [Fact]
    public void Say_how_long_to_wait() => new RateLimitedException("m", TimeSpan.FromSeconds(3)).RetryAfter.Should().Be(TimeSpan.FromSeconds(3));
}
