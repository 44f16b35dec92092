using System.Security.Cryptography;
using System.Text;

namespace TokenBroker.Bench.Contenders;

/// <summary>The least that nginx's <c>auth_request</c> can ask: is this one token known? A look-up of its SHA-256 in memory, no more.</summary>
internal static class Authorizer
{
    public static WebApplication Create(string[] args)
    {
        var app = BareServer.NewBuilder(args).Build();
        var known = new HashSet<string>(StringComparer.Ordinal) { HashOf(app.Configuration.Required("token")) };
        app.MapGet("/authorize", (HttpContext context) =>
        {
            var header = context.Request.Headers.Authorization.ToString();
            context.Response.StatusCode = header.StartsWith("Bearer ", StringComparison.Ordinal) && known.Contains(HashOf(header["Bearer ".Length..]))
                ? StatusCodes.Status204NoContent
                : StatusCodes.Status401Unauthorized;
        });
        return app;
    }

    private static string HashOf(string token) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(token)));
}
