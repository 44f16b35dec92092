using Microsoft.Extensions.Primitives;
using TokenBroker.Authorization.Discovery;
using TokenBroker.Authorization.Dpop;

namespace TokenBroker.Gateway;

/// <summary>
/// <c>WWW-Authenticate</c> of a refusal (RFC 6750, section 3; RFC 9449, section 7.1): a 401 offers both schemes, and names
/// the error in the challenge of the one that was tried.
/// </summary>
internal static class Challenges
{
    private const int LongestDescription = 200;
    private const string Realm = "realm=\"TokenBroker\"";
    private static readonly string s_algorithms = $", algs=\"{string.Join(' ', ProofKey.Algorithms)}\"";

    public static StringValues Of(GatewayError error, HttpRequest request)
    {
        var isDpop = error.IsAboutTheKey || PresentedToken.Of(request) is { IsDpop: true };
        var attributes = Metadata(request) + Attributes(error);
        var others = Metadata(request);
        return error.Status == StatusCodes.Status401Unauthorized
            ? new StringValues([Bearer(isDpop ? others : attributes), Dpop(isDpop ? attributes : others)])
            : isDpop ? Dpop(attributes) : Bearer(attributes);
    }

    /// <summary>Where a client that knows nothing yet reads on (RFC 9728, section 5.1).</summary>
    private static string Metadata(HttpRequest request) =>
        request.HttpContext.GetEndpoint()?.Metadata.GetMetadata<DescribedAt>() is { } described ? $", resource_metadata=\"{described.MetadataAddress}\"" : "";

    private static string Bearer(string attributes) => $"Bearer {Realm}{attributes}";

    private static string Dpop(string attributes) => $"DPoP {Realm}{attributes}{s_algorithms}";

    private static string Attributes(GatewayError error)
    {
        if (error == GatewayError.MissingToken)
        {
            // RFC 6750, section 3.1: a request without credentials gets no error code.
            return "";
        }

        var code = error.Status != StatusCodes.Status401Unauthorized ? error.Scope is null ? "access_denied" : "insufficient_scope"
            : error.IsAboutTheKey ? error.Code
            : "invalid_token";
        var scope = error.Scope is null ? "" : $", scope=\"{error.Scope}\"";
        return $", error=\"{code}\", error_description=\"{Plain(error.Message)}\"{scope}";
    }

    /// <summary>What RFC 6750 lets a description have: ASCII that is printed, but for quotation marks and backslashes. What a client wrote may be among it.</summary>
    private static string Plain(string message) => string.Create(Math.Min(message.Length, LongestDescription), message, static (text, message) =>
    {
        for (var i = 0; i < text.Length; i++)
        {
            text[i] = message[i] switch { '"' => '\'', '\\' => '/', >= ' ' and <= '~' => message[i], _ => '?' };
        }
    });
}
