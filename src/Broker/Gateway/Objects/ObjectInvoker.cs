using System.Net;
using System.Net.Http.Headers;
using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// Stands between the gateway and the provider on calls that make, delete or list objects: it writes down whose a new
/// one is before its id passes, forgets one that is gone, and shows of a list what the caller may see.
/// </summary>
internal sealed class ObjectInvoker(HttpMessageInvoker inner, ObjectOwners owners, OwnedLists lists, Call call, ILogger logger)
    : HttpMessageInvoker(new Unused())
{
    public override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await inner.SendAsync(request, cancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            return response;
        }

        var operation = call.Operation;
        if (operation.Lists is { } kind)
        {
            return await lists.FilterAsync(inner, call, kind, request, response, cancellationToken);
        }

        if (operation.Deletes && call.Ids is [.., var last] && call.Upstream.OwnedKinds.Contains(last.Kind))
        {
            await ForgetAsync(last.Id);
        }

        if (operation.Creates.Count > 0)
        {
            response.Content = await RecordedAsync(response.Content, cancellationToken);
        }

        return response;
    }

    private async Task<HttpContent> RecordedAsync(HttpContent content, CancellationToken cancellationToken)
    {
        var isEvents = string.Equals(content.Headers.ContentType?.MediaType, "text/event-stream", StringComparison.OrdinalIgnoreCase);
        var stream = new RecordedStream(await content.ReadAsStreamAsync(cancellationToken), new IdScanner(call.Operation.Creates, isEvents), RecordAsync);
        return new PassedContent(stream, content.Headers);
    }

    private async Task RecordAsync(PathId made)
    {
        var facts = call.Caller.Facts;
        try
        {
            var appId = facts.AppId ?? throw new ObjectNotRecordedException("The app is being deleted.");

            // Not cancelled when the client leaves: the object is there, and is its app's.
            await owners.RecordAsync(call.Upstream.Id, made.Id, new ObjectOwner(facts.UserId, appId, made.Kind), CancellationToken.None);
            call.MadeId ??= made.Id;
        }
        catch (Exception exception)
        {
            call.NotRecorded = true;
            logger.LogError(exception, "The owner of a new {Kind} could not be recorded; the answer to grant {GrantId} is withheld.", made.Kind, call.Caller.Grant.Id);
            throw exception as ObjectNotRecordedException ?? new ObjectNotRecordedException("The owner of a new object could not be recorded.", exception);
        }
    }

    /// <summary>A row that stays for an object that is gone does no harm, so that the answer passes either way.</summary>
    private async Task ForgetAsync(string id)
    {
        try
        {
            await owners.RemoveAsync(call.Upstream.Id, id, CancellationToken.None);
        }
        catch (Exception exception) when (exception is System.Data.Common.DbException or InvalidOperationException)
        {
            logger.LogWarning(exception, "The record of a deleted object could not be removed.");
        }
    }

    /// <summary>A content with the headers of the provider's.</summary>
    private sealed class PassedContent : HttpContent
    {
        private readonly Stream _stream;

        public PassedContent(Stream stream, HttpContentHeaders headers)
        {
            _stream = stream;
            foreach (var (name, values) in headers.NonValidated)
            {
                Headers.TryAddWithoutValidation(name, values);
            }
        }

        protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult(_stream);

        protected override Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) => Task.FromResult(_stream);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => _stream.CopyToAsync(stream);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>The base class wants a handler; everything goes through the inner invoker instead.</summary>
    private sealed class Unused : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken) =>
            throw new NotSupportedException("Requests go through the inner invoker.");
    }
}
