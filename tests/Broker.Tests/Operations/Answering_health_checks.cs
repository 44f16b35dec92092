using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Operations;

public sealed class Answering_health_checks(SharedBroker shared)
{
    [Theory]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task Says_that_all_is_well_to_anybody_and_nothing_more(string path)
    {
        using var http = shared.Host.NewClient();

        using var response = await http.GetAsync(new Uri(path, UriKind.Relative));

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await response.Content.ReadAsStringAsync()).Should().Be("Healthy");
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        response.Headers.Contains("Set-Cookie").Should().BeFalse();
        response.Headers.Contains("Server").Should().BeFalse();
    }
}
