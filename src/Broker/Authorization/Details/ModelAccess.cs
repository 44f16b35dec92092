using TokenBroker.Metering;

namespace TokenBroker.Authorization.Details;

/// <summary>
/// What an app proposes by an authorization detail of type <c>model_access</c> (RFC 9396). Null is no proposal. It
/// opens no operation, which scopes do; it says how far those should reach, and the user decides.
/// </summary>
internal sealed record ModelAccess(
    string UpstreamId, IReadOnlyList<string>? Models, Budget? Budget, int? RequestsPerMinute, TimeSpan? Lifetime)
{
    public const string Type = "model_access";

    /// <summary>RFC 9396, section 5.</summary>
    public const string Error = "invalid_authorization_details";

    /// <summary>The name of the parameter, of requests and of answers.</summary>
    public const string Parameter = "authorization_details";
}
