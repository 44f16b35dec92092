using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>Reads a request's body, up to its limit, and writes the body that is sent in its place.</summary>
internal sealed class RequestBody(IOptions<GatewayOptions> options, TimeProvider time)
{
    private const int FirstPart = 64 * 1024;

    /// <returns>What the body asks for and its bytes, which are for <see cref="Apply"/> in the end, or the refusal.</returns>
    public async ValueTask<(CallRequest? Request, ReadOnlyMemory<byte> Body, GatewayError? Refusal)> ReadAsync(
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
        refusal ??= ReferenceReader.Read(body.Span, operation.Name.StartsWith("evals", StringComparison.Ordinal), request!);
        return refusal is null ? (request, body, null) : (null, default, refusal);
    }

    /// <summary>The body that is sent: with the edits, in the order of their places.</summary>
    /// <param name="body">As <see cref="ReadAsync"/> gave it; with this it is given away.</param>
    /// <param name="edits">The changes.</param>
    public static OutgoingBody Apply(ReadOnlyMemory<byte> body, ref Few<BodyEdit> edits)
    {
        if (!MemoryMarshal.TryGetArray(body, out var read) || read.Array is not { Length: > 0 } rented)
        {
            return OutgoingBody.None;
        }

        if (edits.Count == 0)
        {
            return OutgoingBody.OfRented(rented, body.Length);
        }

        Sort(ref edits);
        var most = body.Length;
        for (var i = 0; i < edits.Count; i++)
        {
            most += Encoding.UTF8.GetMaxByteCount(edits[i].Text.Length);
        }

        var edited = ArrayPool<byte>.Shared.Rent(most);
        var (from, to) = (0, 0);
        for (var i = 0; i < edits.Count; i++)
        {
            var edit = edits[i];
            body.Span[from..edit.Offset].CopyTo(edited.AsSpan(to));
            to += edit.Offset - from;
            to += Encoding.UTF8.GetBytes(edit.Text, edited.AsSpan(to));
            from = edit.Offset + edit.Removed;
        }

        body.Span[from..].CopyTo(edited.AsSpan(to));
        to += body.Length - from;
        ArrayPool<byte>.Shared.Return(rented);
        return OutgoingBody.OfRented(edited, to);
    }

    /// <summary>By place; those at one place stay in their order. There are three at most, and mostly in order.</summary>
    private static void Sort(ref Few<BodyEdit> edits)
    {
        for (var i = 1; i < edits.Count; i++)
        {
            var edit = edits[i];
            var at = i;
            for (; at > 0 && edits[at - 1].Offset > edit.Offset; at--)
            {
                edits[at] = edits[at - 1];
            }

            edits[at] = edit;
        }
    }

    private async ValueTask<(CallRequest? Request, ReadOnlyMemory<byte> Body, GatewayError? Refusal)> OpenUploadAsync(
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

        var upload = new UploadStream(http.Body, NewPace(http.BodyReader), boundary, limit);
        return await upload.OpenAsync(cancellationToken) is { } refusal
            ? (null, default, refusal)
            : (new CallRequest { Upload = upload, Bytes = http.ContentLength ?? 0 }, default, null);
    }

    private static bool IsJson(string? contentType) =>
        contentType is not null
        && (contentType == "application/json" || IsJsonType(contentType));

    private static bool IsJsonType(string contentType) =>
        Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(contentType, out var type)
        && type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    /// <summary>Into an array of the shared pool, which grows with what has come and not with what was announced.</summary>
    private async ValueTask<ReadOnlyMemory<byte>?> ReadBytesAsync(HttpRequest request, long limit, CancellationToken cancellationToken)
    {
        var reader = request.BodyReader;
        ClientPace? pace = null;
        var bytes = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(request.ContentLength ?? 0, 1, FirstPart));
        var length = 0;
        while (true)
        {
            var reading = reader.ReadAsync(cancellationToken);
            var result = await (reading.IsCompletedSuccessfully ? reading : (pace ??= NewPace(reader)).WaitAsync(reading));
            var part = result.Buffer;
            if (length + part.Length > limit)
            {
                reader.AdvanceTo(part.End);
                ArrayPool<byte>.Shared.Return(bytes);
                return null;
            }

            if (length + part.Length > bytes.Length)
            {
                var larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(limit, Math.Max(length + part.Length, 2L * bytes.Length)));
                bytes.AsSpan(0, length).CopyTo(larger);
                ArrayPool<byte>.Shared.Return(bytes);
                bytes = larger;
            }

            part.CopyTo(bytes.AsSpan(length));
            length += (int)part.Length;
            reader.AdvanceTo(part.End);
            if (result.IsCompleted)
            {
                return bytes.AsMemory(0, length);
            }
        }
    }

    private ClientPace NewPace(PipeReader body) => new(body, options.Value.ClientPatience, time);
}
