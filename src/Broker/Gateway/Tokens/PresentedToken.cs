namespace TokenBroker.Gateway;

/// <summary>The access token of a request, and the scheme that it came by. It stays where it is in the header.</summary>
internal readonly struct PresentedToken
{
    private const string Bearer = "Bearer ";
    private const string Dpop = "DPoP ";
    private readonly string _header;
    private readonly int _at;

    private PresentedToken(string header, int at, bool isDpop) => (_header, _at, IsDpop) = (header, at, isDpop);

    public bool IsDpop { get; }

    /// <summary>The whole header.</summary>
    public string Header => _header;

    public ReadOnlySpan<char> Span => _header.AsSpan(_at).Trim();

    /// <summary>The token as a text of its own.</summary>
    public string Token => Span.ToString();

    /// <returns>Null where there is none, more than one, or another scheme.</returns>
    /// <param name="request">The request.</param>
    /// <param name="keyHeader">Where clients of this upstream put a key, and so the token; null for Authorization alone.</param>
    public static PresentedToken? Of(HttpRequest request, string? keyHeader = null) =>
        request.Headers.Authorization is not [{ } value]
            ? keyHeader is not null && request.Headers.Authorization.Count == 0 && request.Headers[keyHeader] is [{ Length: > 0 } inIts] ? new PresentedToken(inIts, 0, false) : null
        : Is(Bearer, value) ? new PresentedToken(value, Bearer.Length, false)
        : Is(Dpop, value) ? new PresentedToken(value, Dpop.Length, true)
        : null;

    private static bool Is(string scheme, string value) => value.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) && value.Length > scheme.Length;
}
