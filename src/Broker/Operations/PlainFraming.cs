namespace TokenBroker.Operations;

/// <summary>
/// Whether a request says plainly where it ends. One that gives a length beside chunks, or another encoding than chunks,
/// ends elsewhere for another parser on the way, which then takes what follows for a request of somebody else's. The
/// server reads such requests; here they are refused, and the connection is closed, since nobody knows where the next
/// one begins (RFC 9112, section 6.3).
/// </summary>
internal static class PlainFraming
{
    public static bool IsOf(HttpRequest request)
    {
        var headers = request.Headers;

        // Where there are chunks, the server has put a length that stood beside them under the second name.
        return headers.TransferEncoding.Count == 0
            || (headers.TransferEncoding is [{ } coding] && coding.Equals("chunked", StringComparison.OrdinalIgnoreCase) && !headers.ContainsKey("X-Content-Length"));
    }

    public static Task RefuseAsync(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status400BadRequest;
        context.Response.Headers.CacheControl = "no-store";
        context.Response.Headers.Connection = "close";
        return Task.CompletedTask;
    }
}
