using TokenBroker.Samples.SandboxUpstream.Provider;
using TokenBroker.Samples.SandboxUpstream.Wire;

namespace TokenBroker.Samples.SandboxUpstream.Objects;

/// <summary>The paths of what the provider keeps.</summary>
internal static class ObjectRoutes
{
    public static void MapObjects(this IEndpointRouteBuilder routes)
    {
        foreach (var resource in Resource.All)
        {
            var collection = "/v1/" + resource.Path.Replace("{}", "{parent}", StringComparison.Ordinal);
            if (resource.Lists)
            {
                Map(routes, "GET", collection, resource, null);
            }

            if (resource.Takes is not null)
            {
                Map(routes, "POST", collection, resource, null);
            }

            foreach (var action in resource.Actions)
            {
                var (method, path) = action switch
                {
                    "get" => ("GET", "/{id}"),
                    "update" => ("POST", "/{id}"),
                    "delete" => ("DELETE", "/{id}"),
                    "content" or "messages" or "files" or "events" or "checkpoints" or "input_items" or "output_items" or "steps" => ("GET", "/{id}/" + action),
                    _ => ("POST", "/{id}/" + action),
                };
                Map(routes, method, collection + path, resource, action);
            }
        }
    }

    private static void Map(IEndpointRouteBuilder routes, string method, string path, Resource resource, string? action) =>
        routes.MapMethods(path, [method], (HttpContext context) => ObjectsApi.AnswerAsync(Call.Of(context), resource, action))
            .WithMetadata(new Operation(path, IsInference: false));
}
