using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Gateway;

[Trait("Checklist", "7")]
public sealed class A_scope(PrivateBroker own) : IClassFixture<PrivateBroker>
{
    public static TheoryData<string> Scopes => [.. SampleCall.All.Select(call => call.Scope).Distinct()];

    [Theory]
    [MemberData(nameof(Scopes))]
    public async Task Opens_exactly_its_operations(string scope)
    {
        using var connected = await Connected.AsAsync(own.Host, scope + " offline_access");
        foreach (var call in SampleCall.All)
        {
            var before = own.Host.Journal.Arrived;

            using var response = await call.SendAsync(connected.Api);

            if (call.Scope == scope)
            {
                response.StatusCode.Should().Be(HttpStatusCode.OK, call.Operation);
                continue;
            }

            response.StatusCode.Should().Be(HttpStatusCode.Forbidden, call.Operation);
            (await Api.ErrorAsync(response)).Code.Should().Be("insufficient_scope");
            response.Headers.WwwAuthenticate.ToString().Should().Contain("error=\"insufficient_scope\"").And.Contain($"scope=\"{call.Scope}\"");
            own.Host.Journal.Arrived.Should().Be(before, "a refused call is not sent");
        }
    }

    [Fact]
    public async Task Of_identity_opens_nothing()
    {
        using var connected = await Connected.AsAsync(own.Host, "openid profile email openai:models offline_access");
        foreach (var call in SampleCall.All.Where(call => call.Scope != "openai:models"))
        {
            using var response = await call.SendAsync(connected.Api);

            (await Api.ErrorAsync(response)).Code.Should().Be("insufficient_scope", call.Operation);
        }
    }

    [Fact]
    public void Covers_the_whole_catalogue()
    {
        var catalogue = (Upstreams.Catalogue)own.Host.Services.GetService(typeof(Upstreams.Catalogue))!;
        foreach (var call in SampleCall.All)
        {
            catalogue.Find("openai")!.Find(call.Method.Method, call.Path)!.Value.Operation.Name.Should().Be(call.Operation);
        }

        SampleCall.All.Select(call => call.Scope).Append("openai:realtime").Distinct().Should().BeEquivalentTo(catalogue.Find("openai")!.Capabilities.Select(c => c.Scope));
    }
}
