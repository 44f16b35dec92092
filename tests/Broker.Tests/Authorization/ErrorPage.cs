using System.Net;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Authorization;

/// <summary>The broker's own page for an authorization request that it refuses before it asks anybody.</summary>
internal static class ErrorPage
{
    /// <summary>What the page says, once it is certain that it is one and that nobody is sent anywhere.</summary>
    public static async Task<string> ReadAsync(HttpResponseMessage response)
    {
        response.StatusCode.Should().Be(HttpStatusCode.BadRequest);
        response.Headers.Location.Should().BeNull();
        response.Headers.Contains("Refresh").Should().BeFalse();
        response.Content.Headers.ContentType!.MediaType.Should().Be("text/html");
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        var main = (await Person.ParseAsync(response)).QuerySelector("main")!;
        main.QuerySelector("h1")!.TextContent.Should().NotBeNullOrWhiteSpace();
        return main.TextContent;
    }
}
