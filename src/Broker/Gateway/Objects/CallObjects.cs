using TokenBroker.Upstreams;

namespace TokenBroker.Gateway;

/// <summary>
/// The objects of a call, from its way in to its way out: what it names must be the caller's, and what it makes is the
/// caller's from then on. Law 7: apps are kept apart.
/// </summary>
internal sealed class CallObjects(ObjectCheck check, ObjectOwners owners, OwnedLists lists, UpstreamClient client, ILogger<CallObjects> logger)
{
    public ValueTask<GatewayError?> CheckAsync(Caller caller, Upstream upstream, Found found, CancellationToken cancellationToken) =>
        check.CheckAsync(caller, upstream, found, cancellationToken);

    public ValueTask<GatewayError?> CheckAsync(
        Caller caller, Upstream upstream, IReadOnlyList<ObjectReference> named, CancellationToken cancellationToken) =>
        check.CheckAsync(caller, upstream, named, cancellationToken);

    /// <returns>What the call is sent through where it makes, deletes or lists objects; null for all others.</returns>
    public HttpMessageInvoker? Through(Call call)
    {
        var operation = call.Operation;
        var makes = operation.Creates.Count > 0 && (call.Request.Stores || operation.Kind is not (OperationKind.Chat or OperationKind.Response));
        return makes || operation.Lists is not null || (operation.Deletes && call.Ids.Count > 0)
            ? new ObjectInvoker(client.Invoker, owners, lists, call, logger)
            : null;
    }
}
