using Microsoft.AspNetCore.Connections.Features;

namespace TokenBroker.Gateway;

/// <summary>
/// Who called last on a connection, and by which token: clients send the same one call after call, and it need not be hashed
/// each time. It lives as long as the connection, and says nothing of whether the caller may still call. HTTP/1.1 alone:
/// there a connection has one call at a time.
/// </summary>
internal sealed class LastCaller
{
    private string? _header;
    private Caller? _caller;

    /// <returns>Null where calls share the connection.</returns>
    public static LastCaller? Of(HttpContext context)
    {
        if (!HttpProtocol.IsHttp11(context.Request.Protocol) || context.Features.Get<IConnectionItemsFeature>() is not { } connection)
        {
            return null;
        }

        if (connection.Items.TryGetValue(typeof(LastCaller), out var known))
        {
            return (LastCaller)known!;
        }

        var made = new LastCaller();
        connection.Items[typeof(LastCaller)] = made;
        return made;
    }

    /// <summary>Kestrel gives the same text for the same bytes, so that which text it is says all, and nothing is compared letter by letter.</summary>
    public Caller? Find(PresentedToken token) => ReferenceEquals(token.Header, _header) ? _caller : null;

    public void Keep(PresentedToken token, Caller caller) => (_header, _caller) = (token.Header, caller);
}
