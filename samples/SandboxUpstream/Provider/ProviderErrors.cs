using System.Globalization;

namespace TokenBroker.Samples.SandboxUpstream.Provider;

/// <summary>The provider's refusals, word for word as far as they are publicly known.</summary>
internal static class ProviderErrors
{
    public static ProviderError MissingKey { get; } = new(401,
        "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY), or as the password field (with blank username) if you're accessing the API from your browser and are prompted for a username and password. You can obtain an API key from https://platform.openai.com/account/api-keys.");

    public static ProviderError UnsupportedCountry { get; } = new(403,
        "Country, region, or territory not supported", "request_forbidden", Code: "unsupported_country_region_territory");

    public static ProviderError InsufficientQuota { get; } = new(429,
        "You exceeded your current quota, please check your plan and billing details. For more information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota", Code: "insufficient_quota");

    public static ProviderError ServerError { get; } = new(500,
        "The server had an error while processing your request. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if the error persists.",
        "server_error");

    public static ProviderError Overloaded { get; } = new(503,
        "The server is currently overloaded with other requests. Sorry about that! You can retry your request, or contact us through our help center at help.openai.com if the error persists.",
        "server_error", Code: "service_unavailable");

    public static ProviderError InvalidJson { get; } = new(400,
        "We could not parse the JSON body of your request. (HINT: This likely means you aren't using your HTTP library correctly. The OpenAI API expects a JSON payload, but what was sent was not valid JSON. If you have trouble figuring out how to fix this, please contact us through our help center at help.openai.com.)");

    public static ProviderError InvalidForm { get; } = new(400, "Could not parse multipart form");

    public static ProviderError MissingModel { get; } = new(400, "you must provide a model parameter");

    public static ProviderError TooLarge { get; } = new(413, "Maximum content size limit exceeded.");

    public static ProviderError StreamOptionsWithoutStream { get; } = new(400,
        "The 'stream_options' parameter is only allowed when 'stream' is enabled.", Param: "stream_options");

    public static ProviderError IncorrectKey(string quoted) => new(401,
        $"Incorrect API key provided: {quoted}. You can find your API key at https://platform.openai.com/account/api-keys.",
        Code: "invalid_api_key");

    public static ProviderError MissingScopes(string scopes) => new(403,
        $"You have insufficient permissions for this operation. Missing scopes: {scopes}. Check that you have the correct role in your organization (Reader, Writer, Owner) and project (Viewer, Member, Owner), and if you're using a restricted API key, that it has the necessary scopes.");

    public static ProviderError RateLimited(TimeSpan wait) => new(429,
        $"Rate limit reached for requests in organization {ProviderHeaders.Organization} on requests per min (RPM): Limit 500, Used 500, Requested 1. Please try again in {wait.TotalSeconds.ToString("0.###", CultureInfo.InvariantCulture)}s. Visit https://platform.openai.com/account/rate-limits to learn more.",
        "requests", Code: "rate_limit_exceeded");

    public static ProviderError Mismatched(string what) => new(401,
        $"OpenAI-{char.ToUpperInvariant(what[0])}{what[1..]} header should match {what} for API key", Code: $"mismatched_{what}");

    public static ProviderError DuplicateHeader(string name) => new(400, $"The '{name}' header was sent more than once.");

    public static ProviderError InvalidUrl(string method, string path) => new(404, $"Invalid URL ({method} {path})");

    public static ProviderError MethodNotSupported(string method, string path) => new(405,
        $"Not allowed to {method} on {path}. (HINT: Perhaps you meant to use a different HTTP method?)", Code: "method_not_supported");

    public static ProviderError ModelNotFound(string model) => new(404,
        $"The model `{model}` does not exist or you do not have access to it.", Code: "model_not_found");

    public static ProviderError WrongContentType(string expected, string? sent) => new(400,
        $"Unsupported content type: '{sent}'. This API method only accepts '{expected}' requests, but you specified the header 'Content-Type: {sent}'. Please try again with a supported content type.",
        Code: "unsupported_content_type");

    public static ProviderError UnknownParameter(string name) => new(400,
        $"Unknown parameter: '{name}'.", Param: name, Code: "unknown_parameter");

    public static ProviderError UnsupportedParameter(string name, string instead) => new(400,
        $"Unsupported parameter: '{name}' is not supported with this model. Use '{instead}' instead.", Param: name, Code: "unsupported_parameter");

    public static ProviderError MissingParameter(string name) => new(400,
        $"Missing required parameter: '{name}'.", Param: name, Code: "missing_required_parameter");

    public static ProviderError InvalidType(string name, string expected, string got) => new(400,
        $"Invalid type for '{name}': expected {expected}, but got {got} instead.", Param: name, Code: "invalid_type");

    public static ProviderError InvalidValue(string name, string value, IEnumerable<string> supported) => new(400,
        $"Invalid value: '{value}'. Supported values are: {string.Join(", ", supported.Select(s => $"'{s}'"))}.", Param: name, Code: "invalid_value");

    public static ProviderError Invalid(string name, string message, string? code = "invalid_value") => new(400, message, Param: name, Code: code);

    public static ProviderError EmptyArray(string name) => new(400,
        $"Invalid '{name}': empty array. Expected an array with minimum length 1, but got an empty array instead.", Param: name, Code: "empty_array");

    public static ProviderError OutOfRange(string name, string kind, double limit, double got, bool above)
    {
        var side = above ? "above maximum" : "below minimum";
        var code = $"{kind}_{(above ? "above_max" : "below_min")}_value";
        return new ProviderError(400, string.Create(CultureInfo.InvariantCulture,
            $"Invalid '{name}': {kind} {side} value. Expected a value {(above ? "<=" : ">=")} {limit}, but got {got} instead."), Param: name, Code: code);
    }
}
