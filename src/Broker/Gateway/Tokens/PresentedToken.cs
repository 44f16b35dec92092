namespace TokenBroker.Gateway;

/// <summary>The access token of a request, and the scheme that it came by.</summary>
internal readonly record struct PresentedToken(string Token, bool IsDpop)
{
    private const string Bearer = "Bearer ";
    private const string Dpop = "DPoP ";

    /// <returns>Null where there is none, more than one, or another scheme.</returns>
    public static PresentedToken? Of(HttpRequest request) =>
        request.Headers.Authorization is not [{ } value] ? null
        : After(Bearer, value) is { } bearer ? new(bearer, false)
        : After(Dpop, value) is { } bound ? new(bound, true)
        : null;

    private static string? After(string scheme, string value) =>
        value.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) && value.Length > scheme.Length ? value[scheme.Length..].Trim() : null;
}
