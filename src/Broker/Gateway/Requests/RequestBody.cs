using System.Buffers;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>Reads a request's body, up to its limit, and writes the body that is sent in its place.</summary>
internal sealed class RequestBody(IOptions<GatewayOptions> options)
{
    /// <returns>What the body asks for and its bytes, or the refusal.</returns>
    public async Task<(CallRequest? Request, ReadOnlyMemory<byte> Body, GatewayError? Refusal)> ReadAsync(
        HttpContext context, Operation operation)
    {
        var http = context.Request;
        if (operation.Body == BodyKind.None)
        {
            return context.Features.Get<IHttpRequestBodyDetectionFeature>() is { CanHaveBody: true } && http.ContentLength != 0
                ? (null, default, GatewayError.InvalidRequest("This operation takes no body."))
                : (new CallRequest(), default, null);
        }

        var isJson = operation.Body == BodyKind.Json
            || (operation.Body is BodyKind.JsonOrMultipart or BodyKind.JsonOrUpload && IsJson(http.ContentType));
        if (!isJson && operation.Body is (BodyKind.Upload or BodyKind.JsonOrUpload))
        {
            return await OpenUploadAsync(http, options.Value.MaxUploadBytes, context.RequestAborted);
        }

        var limit = isJson ? options.Value.MaxJsonBytes : options.Value.MaxMultipartBytes;
        if (http.ContentLength > limit)
        {
            return (null, default, GatewayError.TooLarge(limit));
        }

        if (isJson && !IsJson(http.ContentType))
        {
            return (null, default, GatewayError.InvalidRequest("This operation takes a body of application/json."));
        }

        if (await ReadBytesAsync(http, limit, context.RequestAborted) is not { } body)
        {
            return (null, default, GatewayError.TooLarge(limit));
        }

        if (!isJson)
        {
            var (form, broken) = await MultipartRequest.ReadAsync(http.ContentType, body, context.RequestAborted);
            return (form, body, broken);
        }

        var (request, refusal) = JsonRequest.Read(body.Span, operation.Kind);
        refusal ??= ReferenceReader.Read(body.Span, operation.Name.StartsWith("evals", StringComparison.Ordinal), request!.References);
        return refusal is null ? (request, body, null) : (null, default, refusal);
    }

    /// <summary>Applies the edits, in the order of their places.</summary>
    public static ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> body, List<BodyEdit> edits)
    {
        if (edits.Count == 0)
        {
            return body;
        }

        var written = new ArrayBufferWriter<byte>(body.Length + 256);
        var at = 0;
        foreach (var edit in edits.OrderBy(edit => edit.Offset))
        {
            written.Write(body.Span[at..edit.Offset]);
            Encoding.UTF8.GetBytes(edit.Text, written);
            at = edit.Offset + edit.Removed;
        }

        written.Write(body.Span[at..]);
        return written.WrittenMemory;
    }

    private static async Task<(CallRequest? Request, ReadOnlyMemory<byte> Body, GatewayError? Refusal)> OpenUploadAsync(
        HttpRequest http, long limit, CancellationToken cancellationToken)
    {
        if (http.ContentLength > limit)
        {
            return (null, default, GatewayError.TooLarge(limit));
        }

        if (MultipartRequest.BoundaryOf(http.ContentType) is not { } boundary)
        {
            return (null, default, MultipartRequest.WrongType);
        }

        var upload = new UploadStream(http.Body, boundary, limit);
        return await upload.OpenAsync(cancellationToken) is { } refusal
            ? (null, default, refusal)
            : (new CallRequest { Upload = upload, Bytes = http.ContentLength ?? 0 }, default, null);
    }

    private static bool IsJson(string? contentType) =>
        contentType is not null
        && Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    private static async Task<ReadOnlyMemory<byte>?> ReadBytesAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        var reader = request.BodyReader;
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            if (result.Buffer.Length > limit)
            {
                reader.AdvanceTo(result.Buffer.End);
                return null;
            }

            if (result.IsCompleted)
            {
                var body = result.Buffer.ToArray();
                reader.AdvanceTo(result.Buffer.End);
                return body;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
