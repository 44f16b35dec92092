using Microsoft.Extensions.FileProviders;
using Microsoft.Net.Http.Headers;

namespace TokenBroker.Pages;

/// <summary>Styles, scripts and the icon live inside the assembly, so that the one program runs from any folder.</summary>
internal static class EmbeddedAssets
{
    public static void AddEmbeddedAssets(this WebApplicationBuilder builder) =>
        builder.Environment.WebRootFileProvider =
            new ManifestEmbeddedFileProvider(typeof(EmbeddedAssets).Assembly, "wwwroot");

    /// <summary>
    /// A versioned address (<c>asp-append-version</c>) names the content by its hash and may be kept for ever;
    /// any other is asked for again each time and answered from its ETag.
    /// </summary>
    public static void UseEmbeddedAssets(this IApplicationBuilder app) =>
        app.UseStaticFiles(new StaticFileOptions
        {
            OnPrepareResponse = static file =>
            {
                var headers = file.Context.Response.Headers;
                headers.XContentTypeOptions = "nosniff";
                headers[HeaderNames.CacheControl] = file.Context.Request.Query.ContainsKey("v")
                    ? "public, max-age=31536000, immutable"
                    : "no-cache";
            },
        });
}
