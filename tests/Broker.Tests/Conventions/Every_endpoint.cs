using System.Net;
using Microsoft.AspNetCore.Antiforgery;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Mvc.RazorPages;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using TokenBroker.Tests.Host;

namespace TokenBroker.Tests.Conventions;

public sealed class Every_endpoint(SharedBroker shared)
{
    /// <summary>Endpoints of programs, which send no cookie that a forged form could ride on.</summary>
    private static readonly string[] ForPrograms = ["/connect/token", "/connect/register", "/openai/{**path}", "/health/live", "/health/ready"];

    private IEnumerable<RouteEndpoint> Endpoints => shared.Host.Services.GetServices<EndpointDataSource>()
        .SelectMany(source => source.Endpoints)
        .OfType<RouteEndpoint>();

    [Fact]
    public void Is_authorised_or_anonymous_on_purpose()
    {
        Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<IAuthorizeData>() is null && endpoint.Metadata.GetMetadata<IAllowAnonymous>() is null)
            .Select(endpoint => endpoint.RoutePattern.RawText)
            .Should().BeEmpty();
    }

    [Fact]
    public void That_takes_posts_is_a_page_or_for_programs()
    {
        Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<PageActionDescriptor>() is null)
            .Where(endpoint => endpoint.Metadata.GetMetadata<HttpMethodMetadata>()?.HttpMethods is not { Count: > 0 } methods || methods.Contains("POST"))
            .Select(endpoint => endpoint.RoutePattern.RawText)
            .Should().BeSubsetOf(ForPrograms);
    }

    [Fact]
    public void That_is_a_page_keeps_its_protection_against_forgery()
    {
        Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<PageActionDescriptor>() is not null)
            .Where(endpoint => endpoint.Metadata.GetMetadata<IAntiforgeryMetadata>() is { RequiresValidation: false })
            .Select(endpoint => endpoint.RoutePattern.RawText)
            .Should().BeEmpty();
    }

    [Fact]
    public async Task That_is_a_page_refuses_a_form_without_its_token()
    {
        using var person = await Person.WithKeyAsync(shared.Host);
        var paths = Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<PageActionDescriptor>() is not null)
            .Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/'))
            .Where(path => !path.Contains('{', StringComparison.Ordinal) && !path.StartsWith("/connect/", StringComparison.Ordinal))
            .Distinct()
            .ToList();
        paths.Should().Contain(["/keys", "/sign-in", "/account"]);

        foreach (var path in paths)
        {
            using var response = await person.SendAsync(new HttpRequestMessage(HttpMethod.Post, path)
            {
                Content = new FormUrlEncodedContent([KeyValuePair.Create("id", Guid.NewGuid().ToString())]),
            });
            response.StatusCode.Should().Be(HttpStatusCode.BadRequest, "{0} must want its token", path);
        }
    }
}
