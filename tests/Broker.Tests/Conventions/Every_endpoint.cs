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
    private static readonly string[] ForPrograms =
    [
        "/connect/token", "/connect/register", "/openai/{**path}", "/v1/{**path}", "/health/live", "/health/ready",
        "/api/v1/apps", "/api/v1/apps/{client_id}/secret", "/api/v1/apps/{client_id}/submit",
        "/api/v1/reviews/{client_id}/approve", "/api/v1/reviews/{client_id}/reject", "/api/v1/reviews/{client_id}/withdraw",
        "/api/v1/credit/top-ups", "/api/v1/credit/refunds", "/api/v1/credit/webhooks/{id:guid}",
        "/api/v1/safety/sanctions", "/api/v1/safety/sanctions/{id:guid}/lift", "/api/v1/safety/appeals/{id:guid}/decide",
    ];

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
    public void Of_the_management_API_takes_a_personal_token_alone()
    {
        var policies = Endpoints
            .Where(endpoint => endpoint.RoutePattern.RawText!.StartsWith("/api/v1/apps", StringComparison.Ordinal) || endpoint.RoutePattern.RawText!.StartsWith("/api/v1/reviews", StringComparison.Ordinal) || endpoint.RoutePattern.RawText!.StartsWith("/api/v1/safety", StringComparison.Ordinal))
            .Select(endpoint => (Path: endpoint.RoutePattern.RawText!, Policies: endpoint.Metadata.GetOrderedMetadata<IAuthorizeData>().Select(data => data.Policy)))
            .ToList();

        policies.Should().HaveCount(17);
        policies.Should().AllSatisfy(endpoint => endpoint.Policies.Should().Equal(endpoint.Path.StartsWith("/api/v1/apps", StringComparison.Ordinal) ? "api" : "api-operator"));
    }

    [Fact]
    public async Task That_is_a_page_refuses_a_form_without_its_token()
    {
        using var person = await Person.WithKeyAsync(shared.Host);
        var paths = Endpoints
            .Where(endpoint => endpoint.Metadata.GetMetadata<PageActionDescriptor>() is not null)
            .Select(endpoint => "/" + endpoint.RoutePattern.RawText!.TrimStart('/'))
            .Where(path => !path.Contains('{', StringComparison.Ordinal) && !path.StartsWith("/connect/", StringComparison.Ordinal))
            .Where(path => !path.StartsWith("/operator/", StringComparison.Ordinal)) // Not there for who is no operator.
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
